import Crypto
import Foundation
import HTTP
import Kick
import Model
import Net
import Telemetry
import Testing

@Suite("REST calls")
struct KickAPITests {
    static let token = Secret("acc-SECRET-1")

    static func target(_ request: KickRequest) -> String {
        "\(request.method) \(request.url(on: .kick))"
    }

    @Test("Users: the token's own, and by ids in pieces of 25", .timeLimit(.minutes(1)))
    func users() async throws {
        let stub = KickStub(
            200,
            """
            {"data":[{"email":"","name":"John","profile_picture":"https://x/p.webp","user_id":123}],"message":"OK"}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let own = try await api.ownUser(token: Self.token, deadline: .never)
        #expect(own.userID == 123)
        #expect(own.name == "John")
        #expect(own.email == nil)
        let users = try await api.users(ids: Array(1...60) + [5, 60], token: Self.token, deadline: .never)
        #expect(users.count == 3)
        #expect(try await api.users(ids: [], token: Self.token, deadline: .never).isEmpty)
        #expect(stub.requests.count == 4)
        #expect(Self.target(stub.requests[0]) == "GET https://api.kick.com/public/v1/users")
        #expect(stub.requests[0].fields[.authorization] == "Bearer acc-SECRET-1")
        let ids = stub.requests.dropFirst().map { $0.query.values(of: "id").compactMap(Int.init) }
        #expect(ids == [Array(1...25), Array(26...50), Array(51...60)])
    }

    @Test("Channels: all fields, stream key and URL left behind", .timeLimit(.minutes(1)))
    func channels() async throws {
        let stub = KickStub(
            200,
            """
            {"data":[{"active_subscribers_count":150,"banner_picture":"","broadcaster_user_id":123,
            "canceled_subscribers_count":25,"active_gifted_subscribers_count":3,
            "category":{"id":101,"name":"Old School Runescape","thumbnail":"https://kick.com/x.jpeg"},
            "channel_description":"d","slug":"john-doe",
            "stream":{"custom_tags":["tag1"],"is_live":true,"is_mature":true,
            "key":"super-secret-stream-key","language":"en","start_time":"0001-01-01T00:00:00Z","thumbnail":"",
            "url":"rtmps://stream.kick.com/1234567890","viewer_count":67},"stream_title":"My first stream"},
            {"broadcaster_user_id":124,"slug":"b","category":{"id":0,"name":"","thumbnail":""},"stream":null},
            {"broadcaster_user_id":125,"slug":"c","category":null,"stream":{"custom_tags":null}}],"message":"OK"}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let channels = try await api.channels(broadcasterUserIDs: [123, 124], token: Self.token, deadline: .never)
        #expect(channels.map(\.broadcasterUserID) == [123, 124, 125])
        #expect(channels[0].slug == "john-doe")
        #expect(channels[0].category?.name == "Old School Runescape")
        #expect(channels[0].bannerPicture == nil)
        #expect(channels[0].activeSubscribersCount == 150)
        #expect(channels[0].activeGiftedSubscribersCount == 3)
        #expect(channels[0].stream?.isLive == true)
        #expect(channels[0].stream?.startTime == nil)
        #expect(channels[0].stream?.viewerCount == 67)
        #expect(channels[0].stream?.customTags == ["tag1"])
        #expect(channels[1].category == nil)
        #expect(channels[1].stream == nil)
        #expect(channels[2].category == nil)
        #expect(channels[2].stream?.isLive == false)
        var dumped = ""
        dump(channels, to: &dumped)
        #expect(!dumped.contains("super-secret") && !dumped.contains("rtmps"))
        _ = try await api.channels(slugs: ["a", "ü"], token: Self.token, deadline: .never)
        _ = try await api.ownChannel(token: Self.token, deadline: .never)
        #expect(
            stub.requests.map(Self.target) == [
                "GET https://api.kick.com/public/v1/channels?broadcaster_user_id=123&broadcaster_user_id=124",
                "GET https://api.kick.com/public/v1/channels?slug=a&slug=%C3%BC",
                "GET https://api.kick.com/public/v1/channels",
            ])
    }

    @Test(
        "A slug that would spoil the batch is refused here", .timeLimit(.minutes(1)),
        arguments: ["", "12345678901234567890123456"])
    func badSlug(slug: String) async {
        let stub = KickStub(200, #"{"data":[]}"#)
        let error = await #expect(throws: KickError.self) {
            try await KickAPI(exchange: stub.exchange).channels(
                slugs: ["fine", slug], token: Self.token, deadline: .never)
        }
        #expect(error?.kind == .badRequest)
        #expect(stub.requests.isEmpty)
    }

    @Test(
        "Nothing found is an empty list; for the own user it is no answer",
        .timeLimit(.minutes(1)), arguments: [#"{"data":[],"message":"OK"}"#, #"{"data":null,"message":"OK"}"#])
    func empty(body: String) async throws {
        let api = KickAPI(exchange: KickStub(200, body).exchange)
        #expect(try await api.channels(slugs: ["nobody"], token: Self.token, deadline: .never).isEmpty)
        #expect(try await api.subscriptions(token: Self.token, deadline: .never).isEmpty)
        let user = await #expect(throws: KickError.self) {
            try await api.ownUser(token: Self.token, deadline: .never)
        }
        let channel = await #expect(throws: KickError.self) {
            try await api.ownChannel(token: Self.token, deadline: .never)
        }
        #expect(user?.kind == .undecodable)
        #expect(channel?.kind == .undecodable)
    }

    // MARK: Subscriptions

    @Test("Subscriptions: list", .timeLimit(.minutes(1)))
    func listSubscriptions() async throws {
        let stub = KickStub(
            200,
            """
            {"data":[{"id":"01HZ8X9K2M4N6P8Q0R2S4T6V8W0Y2Z4","app_id":"01J9","broadcaster_user_id":123,
            "event":"chat.message.sent","version":1,"method":"webhook","created_at":"2021-01-01T00:00:00Z",
            "updated_at":"0001-01-01T00:00:00Z"},{"id":"s2","event":"some.new.event"}],"message":"OK"}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let list = try await api.subscriptions(broadcasterUserID: 123, token: Self.token, deadline: .never)
        #expect(list.map(\.id) == ["01HZ8X9K2M4N6P8Q0R2S4T6V8W0Y2Z4", "s2"])
        #expect(list[0].type == .chatMessageSent)
        #expect(list[0].broadcasterUserID == 123)
        #expect(list[0].createdAt == Timestamp(parsing: "2021-01-01T00:00:00Z"))
        #expect(list[0].updatedAt == nil)
        #expect(list[1].type.rawValue == "some.new.event")
        #expect(list[1].version == 1)
        _ = try await api.subscriptions(token: Self.token, deadline: .never)
        #expect(
            stub.requests.map(Self.target) == [
                "GET https://api.kick.com/public/v1/events/subscriptions?broadcaster_user_id=123",
                "GET https://api.kick.com/public/v1/events/subscriptions",
            ])
    }

    @Test("Subscriptions: create, with partial failure in a success", .timeLimit(.minutes(1)))
    func subscribe() async throws {
        let stub = KickStub(
            200,
            """
            {"data":[{"name":"chat.message.sent","version":1,"subscription_id":"s1"},
            {"name":"channel.followed","version":1,"error":"no luck"},
            {"name":"kicks.gifted","version":1,"subscription_id":"","error":""}],"message":"OK"}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let types = [EventType.chatMessageSent, .channelFollowed]
        let outcomes = try await api.subscribe(to: types, broadcasterUserID: 123, token: Self.token, deadline: .never)
        #expect(outcomes.map(\.type) == [.chatMessageSent, .channelFollowed, .kicksGifted])
        #expect(outcomes[0].result == .created(id: "s1"))
        #expect(outcomes[1].result == .failed("no luck"))
        if case .created = outcomes[2].result { Issue.record("created without an id") }
        let request = try #require(stub.requests.first)
        #expect(Self.target(request) == "POST https://api.kick.com/public/v1/events/subscriptions")
        #expect(request.fields[.contentType] == "application/json")
        let sent = try #require(try JSONSerialization.jsonObject(with: Data(request.bodyBytes)) as? [String: Any])
        #expect(sent["method"] as? String == "webhook")
        #expect(sent["broadcaster_user_id"] as? Int == 123)
        let events = try #require(sent["events"] as? [[String: Any]])
        #expect(events.map { $0["name"] as? String } == ["chat.message.sent", "channel.followed"])
        #expect(events.map { $0["version"] as? Int } == [1, 1])
        #expect(try await api.subscribe(to: [], broadcasterUserID: 1, token: Self.token, deadline: .never).isEmpty)
        #expect(stub.requests.count == 1)
    }

    @Test("Subscriptions: the limit has a name", .timeLimit(.minutes(1)))
    func limit() async throws {
        let stub = KickStub(400, #"{"data":"event subscription limit reached","message":"Bad request"}"#)
        let error = await #expect(throws: KickError.self) {
            try await KickAPI(exchange: stub.exchange)
                .subscribe(
                    to: EventCatalog.entries.map(\.type), broadcasterUserID: 1, token: Self.token, deadline: .never)
        }
        #expect(error?.isSubscriptionLimit == true)
        #expect(error?.kind == .badRequest)
    }

    @Test("Subscriptions: delete by ids in the query, in pieces", .timeLimit(.minutes(1)))
    func unsubscribe() async throws {
        let stub = KickStub(204, "")
        let api = KickAPI(exchange: stub.exchange)
        try await api.unsubscribe(ids: (0..<120).map { "s\($0)" }, token: Self.token, deadline: .never)
        try await api.unsubscribe(ids: [], token: Self.token, deadline: .never)
        #expect(stub.requests.map { $0.query.values(of: "id").count } == [50, 50, 20])
        #expect(stub.requests.allSatisfy { $0.method == .delete && $0.bodyBytes.isEmpty })
    }

    // MARK: Public key

    @Test("The public key", .timeLimit(.minutes(1)))
    func publicKey() async throws {
        let pem = BuiltInKey.pem.replacing("\n", with: "\\n")
        let stub = KickStub(200, #"{"data":{"public_key":"\#(pem)"},"message":"OK"}"#)
        let key = try await KickAPI(exchange: stub.exchange).publicKey(deadline: .never)
        #expect(Hex.encode(key.fingerprint) == BuiltInKey.fingerprint)
        #expect(stub.requests.first?.fields[.authorization] == nil)
        for body in [#"{"data":{"public_key":"rubbish"}}"#, #"{"data":{}}"#, "<html>"] {
            let error = await #expect(throws: KickError.self) {
                try await KickAPI(exchange: KickStub(200, body).exchange).publicKey(deadline: .never)
            }
            #expect(error?.kind == .undecodable)
        }
    }

    // MARK: Errors (FACTS §2.1)

    @Test(
        "Each answer that is no success has its kind and keeps Kick's words",
        .timeLimit(.minutes(1)),
        arguments: [
            (400, #"{"data":"Channel not found","message":"Bad request"}"#, .badRequest, "Channel not found"),
            (400, #"{"data":{},"message":"Invalid request"}"#, .badRequest, "Invalid request"),
            (400, "", .badRequest, nil),
            (401, #"{"data":{},"message":"Unauthorized"}"#, .unauthorized, "Unauthorized"),
            (401, #"{"data":null,"message":"Unauthorized"}"#, .unauthorized, "Unauthorized"),
            (403, #"{"message":"Forbidden"}"#, .forbidden, "Forbidden"),
            (403, #"{"data":null,"message":"Forbidden"}"#, .forbidden, "Forbidden"),
            (
                403, #"{"error":"Request blocked by security policy.","reference":"9e4db7e3"}"#, .edgeBlocked,
                "Request blocked by security policy."
            ),
            (403, "<!DOCTYPE html><html>", .edgeBlocked, nil),
            (404, #"{"data":{},"message":"Not found"}"#, .notFound, "Not found"),
            (409, #"{"data":"AD_BREAK_ACTIVE","message":"Conflict"}"#, .conflict, "AD_BREAK_ACTIVE"),
            (429, "", .rateLimited, nil),
            (500, #"{"data":null,"message":"Internal server error"}"#, .serverTrouble, "Internal server error"),
            (502, "<html>", .serverTrouble, nil),
            (302, "", .unexpected, nil),
            (200, "<html>", .undecodable, "not JSON"),
            (200, #"{"data":[{"name":"x"}]}"#, .undecodable, "data.Index 0.user_id is missing"),
            (200, #"{"data":"oops"}"#, .undecodable, "data is of another type"),
            (200, #"{"data":[{"user_id":123"#, .undecodable, "not JSON"),
        ] as [(Int, String, KickError.Kind, String?)])
    func errors(status: Int, body: String, kind: KickError.Kind, message: String?) async {
        let stub = KickStub(status, body)
        let error = await #expect(throws: KickError.self) {
            try await KickAPI(exchange: stub.exchange).ownUser(token: Self.token, deadline: .never)
        }
        #expect(error?.kind == kind)
        #expect(error?.status == status)
        #expect(error?.message == message)
    }

    @Test("P6: Kick repeating our token does not bring it into an error", .timeLimit(.minutes(1)))
    func redaction() async throws {
        let stub = KickStub(401, #"{"message":"token acc-SECRET-1 is\u001b[31m bad"}"#)
        let error = try await #require(throws: KickError.self) {
            try await KickAPI(exchange: stub.exchange).ownUser(token: Self.token, deadline: .never)
        }
        #expect(error.message == "token [redacted] is [31m bad")
        var dumped = "\(error) \(error.debugDescription) \(stub.requests)"
        dump(stub.requests, to: &dumped)
        #expect(!dumped.contains("SECRET"))
    }
}
