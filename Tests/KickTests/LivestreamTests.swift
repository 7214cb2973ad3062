import HTTP
import Kick
import Model
import Net
import Telemetry
import Testing

@Suite("Livestreams", .timeLimit(.minutes(1)))
struct LivestreamTests {
    private static let token = Secret("acc-SECRET-1")

    private static let v2 = """
        {"id":"7f8c1a30-3a0e-4b0e-8a53-2f4f6c3f2b11","title":"Road to glory","thumbnail":"https://x/t.webp",
        "viewer_count":67,"language_code":"en","has_mature_content":true,"started_at":"2026-09-01T10:00:00Z",
        "tags":["drops"],"broadcaster_user":{"id":123,"username":"John","profile_picture":""},
        "category":{"id":101,"name":"Old School Runescape","thumbnail":""},"channel":{"slug":"john-doe"},"later":{}}
        """
    private static let v1 = """
        {"broadcaster_user_id":123,"channel_id":456,"slug":"john-doe","stream_title":"Road to glory","language":"en",
        "has_mature_content":true,"started_at":"2026-09-01T10:00:00Z","thumbnail":"https://x/t.webp",
        "viewer_count":67,"custom_tags":["drops"],"profile_picture":"https://x/p.webp",
        "category":{"id":101,"name":"Old School Runescape","thumbnail":""}}
        """

    @Test("v2: filters are repeated, the cursor goes on, the last one is empty")
    func pages() async throws {
        let stub = KickStub(
            .success(
                KickAnswer(
                    status: 200,
                    body: Array(
                        #"{"data":[\#(Self.v2)],"message":"OK","pagination":{"next_cursor":"abc="}}"#.utf8))),
            .success(
                KickAnswer(
                    status: 200, body: Array(#"{"data":[],"message":"OK","pagination":{"next_cursor":""}}"#.utf8))))
        let api = KickAPI(exchange: stub.exchange)
        let first = try await api.livestreams(
            LivestreamSelection(categoryIDs: [101, 15], languages: ["en", "pt-BR"], limit: 1000),
            token: Self.token, deadline: .never)
        #expect(first.nextCursor == "abc=")
        let stream = try #require(first.elements.first)
        #expect(stream.id == "7f8c1a30-3a0e-4b0e-8a53-2f4f6c3f2b11")
        #expect(stream.broadcasterUserID == 123)
        #expect(stream.username == "John")
        #expect(stream.profilePicture == nil)
        #expect(stream.startedAt == Timestamp(parsing: "2026-09-01T10:00:00Z"))
        let last = try await api.livestreams(LivestreamSelection(cursor: "abc="), token: Self.token, deadline: .never)
        #expect(last == KickPage(elements: [], nextCursor: nil))
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "GET https://api.kick.com/public/v2/livestreams?category_id=101&category_id=15&language_code=en"
                    + "&language_code=pt-BR&limit=1000",
                "GET https://api.kick.com/public/v2/livestreams?cursor=abc%3D",
            ])
        #expect(stub.requests[0].fields[.authorization] == "Bearer acc-SECRET-1")
    }

    @Test("v1 and v2 become one shape")
    func oneShape() async throws {
        let api = { (body: String) in KickAPI(exchange: KickStub(200, body).exchange) }
        let new = try #require(
            try await api(#"{"data":[\#(Self.v2)]}"#).livestreams(
                LivestreamSelection(), token: Self.token, deadline: .never
            ).elements.first)
        let stub = KickStub(200, #"{"data":[\#(Self.v1)]}"#)
        let old = try #require(
            try await KickAPI(exchange: stub.exchange).livestreams(
                sorted: SortedLivestreamSelection(categoryID: 101, language: "en", limit: 100), token: Self.token,
                deadline: .never
            ).first)
        for stream in [new, old] {
            #expect(stream.broadcasterUserID == 123)
            #expect(stream.slug == "john-doe")
            #expect(stream.title == "Road to glory")
            #expect(stream.category?.id == 101)
            #expect(stream.tags == ["drops"])
            #expect(stream.language == "en")
            #expect(stream.isMature)
            #expect(stream.viewerCount == 67)
            #expect(stream.thumbnail == "https://x/t.webp")
        }
        #expect(old.id == nil)
        #expect(old.username == nil)
        #expect(old.profilePicture == "https://x/p.webp")
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "GET https://api.kick.com/public/v1/livestreams?sort=viewer_count&category_id=101&language=en&limit=100"
            ])
    }

    @Test("Zeros, nulls and missing members are nil")
    func oddities() async throws {
        let body = """
            {"data":[{"id":"","broadcaster_user":{"id":5,"username":""},"channel":null,"title":"","tags":null,
            "category":{"id":0,"name":"","thumbnail":""},"started_at":"0001-01-01T00:00:00Z","language_code":""},
            {"broadcaster_user":{"id":6},"channel":{"slug":""},"category":null}]}
            """
        let streams = try await KickAPI(exchange: KickStub(200, body).exchange).livestreams(
            userIDs: [5, 6], token: Self.token, deadline: .never)
        #expect(streams.map(\.broadcasterUserID) == [5, 6])
        for stream in streams {
            #expect(stream.id == nil && stream.username == nil && stream.slug == nil && stream.title == nil)
            #expect(stream.category == nil && stream.startedAt == nil && stream.language == nil)
            #expect(stream.tags.isEmpty && !stream.isMature && stream.viewerCount == nil)
        }
    }

    @Test("By users: 100 to a call, each once, none without users")
    func byUsers() async throws {
        let stub = KickStub(200, #"{"data":[]}"#)
        let api = KickAPI(exchange: stub.exchange)
        _ = try await api.livestreams(userIDs: Array(1...101) + [7], token: Self.token, deadline: .never)
        _ = try await api.livestreams(userIDs: [], token: Self.token, deadline: .never)
        #expect(stub.requests.map { $0.query.values(of: "user_id").count } == [100, 1])
        #expect(stub.requests.allSatisfy { $0.path == "/public/v1/users/livestreams" })
    }

    @Test("How many are on")
    func stats() async throws {
        let stub = KickStub(200, #"{"data":{"total_count":4711},"message":"OK"}"#)
        #expect(try await KickAPI(exchange: stub.exchange).livestreamCount(token: Self.token, deadline: .never) == 4711)
        #expect(KickAPITests.target(stub.requests[0]) == "GET https://api.kick.com/public/v1/livestreams/stats")
    }

    @Test("Bounds, at their edges")
    func bounds() throws {
        let ids = Array(repeating: Int64(1), count: 25)
        let languages = Array(repeating: "en", count: 25)
        _ = try LivestreamSelection(categoryIDs: ids, languages: languages, limit: 1, cursor: "c")
        _ = try LivestreamSelection(limit: 1000, cursor: String(repeating: "c", count: 512))
        #expect(
            refusal { _ = try LivestreamSelection(categoryIDs: ids + [1]) }
                == "categories must be at most 25 entries, is 26")
        #expect(refusal { _ = try LivestreamSelection(categoryIDs: [0]) } == "categories must be at least 1, is 0")
        #expect(
            refusal { _ = try LivestreamSelection(languages: languages + ["en"]) }
                == "languages must be at most 25 entries, is 26")
        for language in ["", "e", "e n", "en&x", String(repeating: "e", count: 36)] {
            #expect(refusal { _ = try LivestreamSelection(languages: [language]) }?.hasPrefix("languages ") == true)
        }
        #expect(refusal { _ = try LivestreamSelection(limit: 0) } == "limit must be 1 to 1000, is 0")
        #expect(refusal { _ = try LivestreamSelection(limit: 1001) } == "limit must be 1 to 1000, is 1001")
        for cursor in ["", "a\u{0}", String(repeating: "c", count: 513)] {
            #expect(refusal { _ = try LivestreamSelection(cursor: cursor) }?.hasPrefix("cursor ") == true)
        }
        _ = try SortedLivestreamSelection(order: .startedAt, categoryID: 1, language: "en", limit: 100)
        #expect(refusal { _ = try SortedLivestreamSelection(limit: 101) } == "limit must be 1 to 100, is 101")
        #expect(refusal { _ = try SortedLivestreamSelection(limit: 0) } == "limit must be 1 to 100, is 0")
        #expect(refusal { _ = try SortedLivestreamSelection(categoryID: -1) } == "categories must be at least 1, is -1")
    }
}

/// What a bound says to `make`; nil when it has nothing against it.
func refusal(_ make: () throws -> Void) -> String? {
    do {
        try make()
        return nil
    } catch {
        return error is KickBoundError ? "\(error)" : "not a bound: \(error)"
    }
}
