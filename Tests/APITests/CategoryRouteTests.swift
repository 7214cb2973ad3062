import HTTP
import HTTPServer
import Kick
import Model
import TestKit
import Testing

@testable import API

@Suite("Routes of categories", .timeLimit(.minutes(1)))
struct CategoryRouteTests {
    private static let art = """
        {"id":7,"name":"Art","thumbnail":"https://k.test/c.webp","tags":["calm","draw"]}
        """
    private static let view = """
        {"id":7,"name":"Art","tags":["calm","draw"],"thumbnail":"https://k.test/c.webp","viewer_count":null}
        """

    @Test("by names, tags or ids, all of them, or by a search")
    func lists() async throws {
        let kick = MadeUpKick([
            .categories: (200, #"{"data":[\#(Self.art)],"pagination":{"next_cursor":"bmV4dA=="}}"#),
            .categorySearch: (200, #"{"data":[{"id":8,"name":"","thumbnail":""}]}"#),
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey([.channelsRead])
            for query in ["", "?names=Art,Just%20Chatting", "?tags=calm&tags=draw&limit=1000&cursor=Y3Vy", "?ids=7,8"] {
                let answer = try await stage.call("GET", "/v1/categories" + query, key: key)
                #expect(answer.text == #"{"data":[\#(Self.view)],"next_cursor":"bmV4dA=="}"#)
            }
            let found = try await stage.call("GET", "/v1/categories?search=a%26b&cursor=2", key: key)
            #expect(
                found.text == #"""
                    {"data":[{"id":8,"name":null,"tags":[],"thumbnail":null,"viewer_count":null}],"next_cursor":null}
                    """#)
        }
        #expect(
            kick.calls.map { $0.replacing("%2C", with: ",") } == [
                "GET /public/v2/categories", "GET /public/v2/categories?name=Art,Just%20Chatting",
                "GET /public/v2/categories?tag=calm,draw&limit=1000&cursor=Y3Vy", "GET /public/v2/categories?id=7,8",
                "GET /public/v1/categories?q=a%26b&page=2",
            ])
    }

    @Test("a full page of a search has a next one")
    func searchPages() async throws {
        let hundred = (1...100).map { #"{"id":\#($0),"name":"n","thumbnail":"t"}"# }.joined(separator: ",")
        let kick = MadeUpKick([.categorySearch: (200, #"{"data":[\#(hundred)]}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            let first = try await stage.call("GET", "/v1/categories?search=n", key: key).json()
            #expect(first["next_cursor"] as? String == "2" && (first["data"] as? [Any])?.count == 100)
            let second = try await stage.call("GET", "/v1/categories?search=n&cursor=2", key: key).json()
            #expect(second["next_cursor"] as? String == "3")
        }
        #expect(kick.calls.last == "GET /public/v1/categories?q=n&page=2")
    }

    @Test("one category, with its viewers; one that Kick does not know is 404")
    func one() async throws {
        let kick = MadeUpKick([
            .category: (200, #"{"data":{"id":7,"name":"Art","thumbnail":"https://k.test/c.webp","viewer_count":0}}"#)
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            let found = try await stage.call("GET", "/v1/categories/7", key: key)
            #expect(
                found.text == """
                    {"id":7,"name":"Art","tags":[],"thumbnail":"https://k.test/c.webp","viewer_count":0}
                    """)
            kick.answer(.category, 404, #"{"data":{},"message":"Not Found"}"#)
            for id in ["8", "0", "art"] {
                let answer = try await stage.call("GET", "/v1/categories/" + id, key: key)
                #expect(answer.status == .notFound)
                #expect(try answer.json()["code"] as? String == "not_found")
            }
        }
        #expect(kick.calls == ["GET /public/v1/categories/7", "GET /public/v1/categories/8"])
    }

    @Test(
        "what cannot be is refused with its name and Kick is not asked",
        arguments: [
            ("?name=Art", "name: is no parameter: there are names, tags, ids, search, limit, cursor"),
            ("?names=Art&tags=calm", "tags: must not stand beside names"),
            ("?names=Art&ids=7", "ids: must not stand beside names"),
            ("?search=a&search=b", "search: is there twice"), ("?search=", "search: must be 1 to 100 characters, is 0"),
            ("?search=%20", "search: must not be empty or blank"),
            ("?search=" + long(101), "search: must be 1 to 100 characters, is 101"),
            ("?search=a&names=Art", "names: must not stand beside search"),
            ("?search=a&tags=calm", "tags: must not stand beside search"),
            ("?search=a&ids=7", "ids: must not stand beside search"),
            ("?search=a&limit=7", "limit: must not stand beside search"),
            ("?search=a&cursor=x", "cursor: must be the next_cursor of an earlier answer"),
            ("?search=a&cursor=0", "cursor: must be the next_cursor of an earlier answer"),
            ("?names=ab", "names: must be 3 to 100 characters, is 2"),
            ("?names=", "names: must be 3 to 100 characters"),
            ("?names=" + long(101), "names: must be 3 to 100 characters, is 101"),
            ("?tags=ab", "tags: must be 3 to 100 characters, is 2"),
            ("?names=" + list(26), "names: must be at most 25 entries, is 26"),
            ("?tags=" + list(26), "tags: must be at most 25 entries, is 26"),
            ("?ids=" + list(101), "ids: must be at most 100 entries, is 101"), ("?ids=0", "ids: must be ids"),
            ("?limit=0", "limit: must be a whole number from 1 to 1000"),
            ("?limit=1001", "limit: must be a whole number from 1 to 1000"),
            ("?cursor=abc", "cursor: must be 4 to 28 characters, is 3"),
            ("?cursor=" + long(29), "cursor: must be 4 to 28 characters, is 29"),
            ("/7?a=b", "a: is no parameter: there are none"),
        ])
    func bounds(target: String, detail: String) async throws {
        let kick = MadeUpKick()
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let answer = try await stage.call("GET", "/v1/categories" + target, key: try await stage.makeKey())
            let problem = try answer.json()
            #expect(answer.status == .badRequest && problem["code"] as? String == "invalid")
            #expect((problem["detail"] as? String)?.hasPrefix(detail) == true, "\(answer.text)")
        }
        #expect(kick.requests.isEmpty)
    }

    private static func list(_ count: Int) -> String { (1000..<1000 + count).map(String.init).joined(separator: ",") }
    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }
}
