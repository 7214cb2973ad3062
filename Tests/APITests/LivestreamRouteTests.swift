import HTTP
import HTTPServer
import Kick
import Model
import TestKit
import Testing

@testable import API

@Suite("Routes of livestreams", .timeLimit(.minutes(1)))
struct LivestreamRouteTests {
    private static let v2 = """
        {"id":"0d6c7f0e-6e35-4b8e-9a70-6a6b1d0c7a11","title":"Drawing","thumbnail":"https://k.test/t.webp",
        "viewer_count":42,"language_code":"en","has_mature_content":true,"started_at":"2025-12-19T06:26:36Z",
        "tags":["a"],"broadcaster_user":{"id":1001,"username":"nova","profile_picture":"https://k.test/n.webp"},
        "category":{"id":7,"name":"Art","thumbnail":"https://k.test/c.webp"},"channel":{"slug":"nova"}}
        """
    private static let v1 = """
        {"broadcaster_user_id":1001,"channel_id":5,"slug":"nova","profile_picture":"https://k.test/n.webp",
        "stream_title":"Drawing","thumbnail":"https://k.test/t.webp","viewer_count":42,"language":"en",
        "has_mature_content":true,"started_at":"2025-12-19T06:26:36Z","custom_tags":["a"],
        "category":{"id":7,"name":"Art","thumbnail":"https://k.test/c.webp"}}
        """
    private static let bareV2 = """
        {"id":"","title":"","thumbnail":"","language_code":"","started_at":"0001-01-01T00:00:00Z","tags":null,
        "broadcaster_user":{"id":1001,"username":"","profile_picture":""},"category":{"id":0,"name":""}}
        """
    private static let bareV1 = """
        {"broadcaster_user_id":1001,"slug":"","profile_picture":"","stream_title":"","thumbnail":"","language":"",
        "started_at":"0001-01-01T00:00:00Z","custom_tags":null,"category":null}
        """
    private static let bareView = """
        {"broadcaster_user_id":1001,"category":null,"id":null,"is_mature":false,"language":null,\
        "profile_picture":null,"slug":null,"started_at":null,"tags":[],"thumbnail":null,"title":null,\
        "username":null,"viewer_count":null}
        """

    private static func view(id: String, username: String) -> String {
        """
        {"broadcaster_user_id":1001,"category":{"id":7,"name":"Art","thumbnail":"https://k.test/c.webp"},"id":\(id),\
        "is_mature":true,"language":"en","profile_picture":"https://k.test/n.webp","slug":"nova",\
        "started_at":"2025-12-19T06:26:36Z","tags":["a"],"thumbnail":"https://k.test/t.webp","title":"Drawing",\
        "username":\(username),"viewer_count":42}
        """
    }

    @Test("one shape, whichever of Kick's calls knows the answer")
    func shapes() async throws {
        let kick = MadeUpKick([
            .livestreams: (200, #"{"data":[\#(Self.v2)],"pagination":{"next_cursor":"bmV4dA=="}}"#),
            .livestreamsV1: (200, #"{"data":[\#(Self.v1)]}"#), .userLivestreams: (200, #"{"data":[\#(Self.v2)]}"#),
        ])
        let full = Self.view(id: #""0d6c7f0e-6e35-4b8e-9a70-6a6b1d0c7a11""#, username: #""nova""#)
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey([.channelsRead])
            let pages = try await stage.call(
                "GET", "/v1/livestreams?categories=7,8&languages=en&languages=pt-BR&limit=1000&cursor=Y3Vy", key: key)
            #expect(pages.text == #"{"data":[\#(full)],"next_cursor":"bmV4dA=="}"#)
            let sorted = try await stage.call(
                "GET", "/v1/livestreams?sort=viewer_count&categories=7&languages=en&limit=100", key: key)
            #expect(
                sorted.text
                    == #"{"data":[\#(Self.view(id: "null", username: "null"))],"next_cursor":null}"#)
            let some = try await stage.call("GET", "/v1/livestreams?broadcasters=1001,1002", key: key)
            #expect(some.text == #"{"data":[\#(full)],"next_cursor":null}"#)
        }
        #expect(
            kick.calls == [
                "GET /public/v2/livestreams?category_id=7&category_id=8&language_code=en&language_code=pt-BR"
                    + "&limit=1000&cursor=Y3Vy",
                "GET /public/v1/livestreams?sort=viewer_count&category_id=7&language=en&limit=100",
                "GET /public/v1/users/livestreams?user_id=1001&user_id=1002",
            ])
    }

    @Test("Kick's zero values are null in both")
    func zeroes() async throws {
        let kick = MadeUpKick([
            .livestreams: (200, #"{"data":[\#(Self.bareV2)],"pagination":{"next_cursor":""}}"#),
            .livestreamsV1: (200, #"{"data":[\#(Self.bareV1)]}"#), .userLivestreams: (200, #"{"data":null}"#),
            .livestreamStats: (200, #"{"data":{"total_count":0}}"#),
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            for query in ["", "?sort=started_at&cursor=", "?sort=viewer_count"] {
                let answer = try await stage.call("GET", "/v1/livestreams" + query, key: key)
                #expect(answer.text == #"{"data":[\#(Self.bareView)],"next_cursor":null}"#)
            }
            let nobody = try await stage.call("GET", "/v1/livestreams?broadcasters=1001", key: key)
            #expect(nobody.text == #"{"data":[],"next_cursor":null}"#)
            #expect(
                try await stage.call("GET", "/v1/livestreams/stats", key: key).text == #"{"total_count":0}"#)
        }
        #expect(kick.requests.count == 4, "the first two ask the same")
    }

    @Test(
        "what cannot be is refused with its name and Kick is not asked",
        arguments: [
            ("?category=1", "category: is no parameter: there are broadcasters, categories, languages, sort, limit"),
            ("?limit=1&limit=2", "limit: is there twice"), ("?sort=a&sort=b", "sort: is there twice"),
            ("?sort=viewers", "sort: must be started_at or viewer_count"), ("?sort=", "sort: must be started_at or"),
            ("?limit=0", "limit: must be a whole number from 1 to 1000"), ("?limit=", "limit: must be a whole number"),
            ("?limit=1001", "limit: must be a whole number from 1 to 1000"), ("?limit=-5", "limit: must be a whole"),
            ("?limit=99999999999999999999", "limit: must be a whole number from 1 to 1000"),
            ("?categories=0", "categories: must be ids"), ("?categories=a", "categories: must be ids"),
            ("?categories=" + list(26), "categories: must be at most 25 entries, is 26"),
            ("?languages=e", "languages: must be 2 to 35 characters, is 1"), ("?languages=", "languages: must be 2 to"),
            ("?languages=e_n", "languages: must be language codes"),
            ("?languages=" + codes(26), "languages: must be at most 25 entries, is 26"),
            ("?cursor=" + String(repeating: "x", count: 513), "cursor: must be 1 to 512 characters, is 513"),
            ("?cursor=a%0A", "cursor: must not hold control characters"),
            ("?broadcasters=" + list(101), "broadcasters: must be 1 to 100 entries, is 101"),
            ("?broadcasters=", "broadcasters: must be ids"),
            ("?broadcasters=1&limit=5", "limit: must not stand beside broadcasters"),
            ("?broadcasters=1&sort=viewer_count", "sort: must not stand beside broadcasters"),
            ("?broadcasters=1&categories=1", "categories: must not stand beside broadcasters"),
            ("?broadcasters=1&languages=en", "languages: must not stand beside broadcasters"),
            ("?broadcasters=1&cursor=a", "cursor: must not stand beside broadcasters"),
            ("?sort=viewer_count&categories=1,2", "categories: must be one at most with sort=viewer_count, is 2"),
            ("?sort=viewer_count&languages=en,de", "languages: must be one at most with sort=viewer_count, is 2"),
            ("?sort=viewer_count&cursor=a", "cursor: must not stand beside sort=viewer_count"),
            ("?sort=viewer_count&limit=101", "limit: must be a whole number from 1 to 100"),
            ("/stats?limit=1", "limit: is no parameter: there are none"),
        ])
    func bounds(target: String, detail: String) async throws {
        let kick = MadeUpKick()
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let answer = try await stage.call("GET", "/v1/livestreams" + target, key: try await stage.makeKey())
            let problem = try answer.json()
            #expect(answer.status == .badRequest && problem["code"] as? String == "invalid")
            #expect((problem["detail"] as? String)?.hasPrefix(detail) == true, "\(answer.text)")
        }
        #expect(kick.requests.isEmpty)
    }

    private static func list(_ count: Int) -> String { (1...count).map(String.init).joined(separator: ",") }
    private static func codes(_ count: Int) -> String { (0..<count).map { "x\($0)" }.joined(separator: ",") }
}
