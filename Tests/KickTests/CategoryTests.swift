import HTTP
import Kick
import Net
import Telemetry
import Testing

@Suite("Categories", .timeLimit(.minutes(1)))
struct CategoryTests {
    private static let token = Secret("acc-SECRET-1")

    @Test("v2: values are joined with commas", arguments: [0, 1, 2])
    func filters(kind: Int) async throws {
        let stub = KickStub(
            200,
            """
            {"data":[{"id":101,"name":"Rust","tags":["FPS","Shooter"],"thumbnail":""},{"id":7,"tags":null}],
            "message":"OK","pagination":{"next_cursor":"abcd"}}
            """)
        let selection =
            switch kind {
            case 0: try CategorySelection(names: ["Rust", "Just Chatting"], limit: 1000)
            case 1: try CategorySelection(tags: ["FPS", "Ü&ü"], cursor: "abcd")
            default: try CategorySelection(ids: [101, 7])
            }
        let page = try await KickAPI(exchange: stub.exchange).categories(
            selection, token: Self.token, deadline: .never)
        #expect(page.nextCursor == "abcd")
        #expect(page.elements.map(\.id) == [101, 7])
        #expect(page.elements[0].tags == ["FPS", "Shooter"])
        #expect(page.elements[0].thumbnail == nil)
        #expect(page.elements[0].viewerCount == nil)
        #expect(page.elements[1].name == nil && page.elements[1].tags.isEmpty)
        let target = [
            "name=Rust%2CJust%20Chatting&limit=1000", "tag=FPS%2C%C3%9C%26%C3%BC&cursor=abcd", "id=101%2C7",
        ][kind]
        #expect(stub.requests.map(KickAPITests.target) == ["GET https://api.kick.com/public/v2/categories?\(target)"])
    }

    @Test("Search: a full page has a next one, any other has none", arguments: [(99, nil), (100, "4")])
    func search(count: Int, next: String?) async throws {
        let list = (1...count).map { #"{"id":\#($0),"name":"n","thumbnail":""}"# }.joined(separator: ",")
        let stub = KickStub(200, #"{"data":[\#(list)],"message":"OK"}"#)
        let page = try await KickAPI(exchange: stub.exchange).categories(
            search: CategorySearch("old school", cursor: "3"), token: Self.token, deadline: .never)
        #expect(page.elements.count == count)
        #expect(page.nextCursor == next)
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "GET https://api.kick.com/public/v1/categories?q=old%20school&page=3"
            ])
        #expect(try CategorySearch("x").page == 1)
    }

    @Test("One category: with its viewers, or not found")
    func one() async throws {
        let stub = KickStub(
            200, #"{"data":{"id":101,"name":"Rust","tags":["FPS"],"thumbnail":"t","viewer_count":1000}}"#)
        let category = try await KickAPI(exchange: stub.exchange).category(
            id: 101, token: Self.token, deadline: .never)
        #expect(category.viewerCount == 1000)
        #expect(KickAPITests.target(stub.requests[0]) == "GET https://api.kick.com/public/v1/categories/101")
        for stub in [KickStub(404, #"{"data":{},"message":"Not found"}"#), KickStub(200, #"{"data":null}"#)] {
            let error = await #expect(throws: KickError.self) {
                try await KickAPI(exchange: stub.exchange).category(id: 101, token: Self.token, deadline: .never)
            }
            #expect(error?.kind == .notFound)
        }
    }

    @Test("Bounds, at their edges")
    func bounds() throws {
        let word = String(repeating: "ü", count: 100)
        _ = try CategorySelection()
        _ = try CategorySelection(names: Array(repeating: word, count: 25), limit: 1, cursor: "abcd")
        _ = try CategorySelection(tags: ["abc"], limit: 1000, cursor: String(repeating: "c", count: 28))
        _ = try CategorySelection(ids: Array(1...100))
        #expect(refusal { _ = try CategorySelection(names: ["ab"]) } == "names must be 3 to 100 characters, is 2")
        #expect(refusal { _ = try CategorySelection(tags: [word + "x"]) } == "tags must be 3 to 100 characters, is 101")
        #expect(refusal { _ = try CategorySelection(names: ["   "]) } == "names must not be empty or blank")
        #expect(refusal { _ = try CategorySelection(tags: ["a,b"]) } == "tags must not hold a comma within an entry")
        #expect(
            refusal { _ = try CategorySelection(names: Array(repeating: "abc", count: 26)) }
                == "names must be at most 25 entries, is 26")
        #expect(refusal { _ = try CategorySelection(ids: Array(1...101)) } == "ids must be at most 100 entries, is 101")
        #expect(refusal { _ = try CategorySelection(ids: [0]) } == "ids must be at least 1, is 0")
        #expect(
            refusal { _ = try CategorySelection(names: ["abc"], ids: [1]) } == "ids must not stand beside names")
        #expect(
            refusal { _ = try CategorySelection(names: ["abc"], tags: ["abc"]) } == "tags must not stand beside names")
        #expect(refusal { _ = try CategorySelection(limit: 1001) } == "limit must be 1 to 1000, is 1001")
        #expect(refusal { _ = try CategorySelection(cursor: "abc") } == "cursor must be 4 to 28 characters, is 3")
        #expect(
            refusal { _ = try CategorySelection(cursor: String(repeating: "c", count: 29)) }
                == "cursor must be 4 to 28 characters, is 29")
        #expect(refusal { _ = try CategorySearch(" ") } == "search must not be empty or blank")
        #expect(refusal { _ = try CategorySearch(word + "x") } == "search must be 1 to 100 characters, is 101")
        for cursor in ["", "0", "-1", "x", "10001", "1.5"] {
            #expect(refusal { _ = try CategorySearch("x", cursor: cursor) }?.hasPrefix("cursor ") == true)
        }
    }
}

@Suite("The stream key", .timeLimit(.minutes(1)))
struct StreamKeyTests {
    private static let token = Secret("acc-SECRET-1")

    @Test("P6: it comes only where it is asked for, and never prints")
    func key() async throws {
        let stub = KickStub(
            200,
            """
            {"data":[{"broadcaster_user_id":123,"slug":"j","stream":{"key":"sk_SECRET","url":"rtmps://SECRET/app"}}]}
            """)
        let key = try #require(
            try await KickAPI(exchange: stub.exchange).streamKey(token: Self.token, deadline: .never))
        #expect(key.key.reveal() == "sk_SECRET")
        #expect(key.url.reveal() == "rtmps://SECRET/app")
        var dumped = "\(key) \(String(reflecting: key))"
        dump(key, to: &dumped)
        #expect(!dumped.contains("SECRET"))
        #expect(stub.requests.map(KickAPITests.target) == ["GET https://api.kick.com/public/v1/channels"])
    }

    @Test(
        "Without the scope there is none",
        arguments: [
            #"{"data":[{"stream":{"key":"","url":""}}]}"#, #"{"data":[{"stream":{"key":null}}]}"#,
            #"{"data":[{"stream":null}]}"#, #"{"data":[{}]}"#,
        ])
    func none(body: String) async throws {
        let api = KickAPI(exchange: KickStub(200, body).exchange)
        #expect(try await api.streamKey(token: Self.token, deadline: .never) == nil)
    }

    @Test("An error about it does not hold it")
    func error() async throws {
        let stub = KickStub(200, #"{"data":[{"stream":{"key":["sk_SECRET"]}}]}"#)
        let error = try await #require(throws: KickError.self) {
            try await KickAPI(exchange: stub.exchange).streamKey(token: Self.token, deadline: .never)
        }
        #expect(error.kind == .undecodable)
        #expect(!error.debugDescription.contains("SECRET"))
    }
}
