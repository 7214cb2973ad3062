import HTTP
import HTTPServer
import Kick
import Model
import TestKit
import Testing

@testable import API

@Suite("Routes of channels", .timeLimit(.minutes(1)))
struct ChannelRouteTests {
    private static let own = "/v1/broadcasters/1001"
    /// As Kick tells it of a channel that is live, to a token that may see the stream key.
    private static let live = """
        {"broadcaster_user_id":1001,"slug":"nova","channel_description":"Hi","banner_picture":"https://k.test/b.webp",
        "stream_title":"Drawing","category":{"id":7,"name":"Art","thumbnail":"https://k.test/c.webp"},
        "active_subscribers_count":3,"active_gifted_subscribers_count":2,"canceled_subscribers_count":1,
        "stream":{"is_live":true,"is_mature":true,"language":"en","start_time":"2025-12-19T06:26:36Z",
        "thumbnail":"https://k.test/t.webp","viewer_count":42,"custom_tags":["a","b"],"key":"sk_secret",
        "url":"rtmps://ingest.test/app"}}
        """
    private static let liveView = """
        {"active_subscribers_count":3,"banner_picture":"https://k.test/b.webp","broadcaster_user_id":1001,\
        "canceled_subscribers_count":1,"category":{"id":7,"name":"Art","thumbnail":"https://k.test/c.webp"},\
        "description":"Hi","gifted_subscribers_count":2,"is_live":true,"is_mature":true,"language":"en","slug":"nova",\
        "started_at":"2025-12-19T06:26:36Z","tags":["a","b"],"thumbnail":"https://k.test/t.webp","title":"Drawing",\
        "viewer_count":42}
        """
    /// A channel that never set anything, in Kick's zero values.
    private static let bare = """
        {"broadcaster_user_id":1002,"slug":"pixel","channel_description":"","banner_picture":"","stream_title":"",
        "category":{"id":0,"name":"","thumbnail":""},"stream":{"is_live":false,"is_mature":false,"language":"",
        "start_time":"0001-01-01T00:00:00Z","thumbnail":"","viewer_count":0,"custom_tags":null,"key":"","url":""}}
        """
    private static let bareView = """
        {"active_subscribers_count":null,"banner_picture":null,"broadcaster_user_id":1002,\
        "canceled_subscribers_count":null,"category":null,"description":null,"gifted_subscribers_count":null,\
        "is_live":false,"is_mature":false,"language":null,"slug":"pixel","started_at":null,"tags":[],\
        "thumbnail":null,"title":null,"viewer_count":null}
        """

    @Test("one shape for all, with null for Kick's zero values, and never a stream key (P6)")
    func shapes() async throws {
        let kick = MadeUpKick([.channels: (200, #"{"data":[\#(Self.live)],"message":"OK"}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey([.channelsRead])
            for path in ["/v1/channels/1001", "/v1/channels/nova", Self.own + "/channel"] {
                let answer = try await stage.call("GET", path, key: key)
                #expect(answer.status == .ok && answer.text == Self.liveView)
                #expect(answer.fields[.contentType] == "application/json")
            }
            for query in ["broadcasters=1001,1001", "slugs=nova", "slugs=nova&slugs=Nova"] {
                let answer = try await stage.call("GET", "/v1/channels?" + query, key: key)
                #expect(answer.text == #"{"data":[\#(Self.liveView)],"failed":[],"missing":[]}"#)
            }
            kick.answer(.channels, 200, #"{"data":[\#(Self.bare)]}"#)
            #expect(try await stage.call("GET", "/v1/channels/pixel", key: key).text == Self.bareView)
        }
        #expect(
            kick.calls == [
                "GET /public/v1/channels?broadcaster_user_id=1001", "GET /public/v1/channels?slug=nova",
                "GET /public/v1/channels", "GET /public/v1/channels?broadcaster_user_id=1001",
                "GET /public/v1/channels?slug=nova", "GET /public/v1/channels?slug=nova&slug=Nova",
                "GET /public/v1/channels?slug=pixel",
            ])
        // The login's own token asks for its own channel, and for no other.
        #expect(kick.tokens == ["app-1", "app-1", "access-1001", "app-1", "app-1", "app-1", "app-1"])
    }

    @Test("a channel that Kick does not know is 404, also by a slug that Kick takes for none")
    func unknown() async throws {
        let kick = MadeUpKick([.channels: (200, #"{"data":[]}"#)]) { request in
            request.query["slug"] == "b.d" ? (400, #"{"data":{},"message":"Invalid request"}"#) : nil
        }
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            for path in ["/v1/channels/9", "/v1/channels/nobody", "/v1/channels/b.d", Self.own + "/channel"] {
                let answer = try await stage.call("GET", path, key: key)
                #expect(answer.status == .notFound)
                #expect(try answer.json()["code"] as? String == "not_found")
                #expect(!answer.fields.contains(.eTag))
            }
            let batch = try await stage.call("GET", "/v1/channels?slugs=b.d,nobody", key: key)
            #expect(batch.text == #"{"data":[],"failed":[],"missing":["b.d","nobody"]}"#)
        }
    }

    @Test("of a batch each part fails for itself, and then the whole is not remembered")
    func batches() async throws {
        let kick = MadeUpKick([.channels: (200, #"{"data":[\#(Self.bare)]}"#)]) { request in
            request.query.values(of: "broadcaster_user_id").contains("99") ? (403, "<html>blocked</html>") : nil
        }
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            let ids = [1002] + Array(2001...2024) + [99]
            let list = ids.map(String.init).joined(separator: ",")
            let answer = try await stage.call("GET", "/v1/channels?broadcasters=" + list, key: key)
            #expect(answer.status == .ok)
            let missing = (2001...2024).map { "\"\($0)\"" }.joined(separator: ",")
            #expect(
                answer.text == """
                    {"data":[\(Self.bareView)],"failed":[{"code":"kick_failed",\
                    "detail":"the edge in front of Kick blocked the request","id":"99"}],"missing":[\(missing)]}
                    """)
            #expect(answer.fields[.cacheControl] == "no-store" && !answer.fields.contains(.eTag))
            let all = try await stage.call("GET", "/v1/channels?broadcasters=99", key: key)
            #expect(all.status == .badGateway)
            let words = try all.json()["kick"] as? [String: Any]
            #expect(words?["status"] as? Int == 403)
        }
        #expect(kick.requests.count == 3)
    }

    @Test(
        "what cannot be is refused with its name and Kick is not asked",
        arguments: [
            ("GET", "/v1/channels", "", "broadcasters: is missing: or say slugs"),
            ("GET", "/v1/channels?broadcasters=1&slugs=a", "", "slugs: must not stand beside broadcasters"),
            ("GET", "/v1/channels?broadcaster=1", "", "broadcaster: is no parameter: there are broadcasters, slugs"),
            ("GET", "/v1/channels?broadcasters=a", "", "broadcasters: must be ids"),
            ("GET", "/v1/channels?broadcasters=", "", "broadcasters: must be ids"),
            ("GET", "/v1/channels?broadcasters=1,,2", "", "broadcasters: must be ids"),
            ("GET", "/v1/channels?broadcasters=-1", "", "broadcasters: must be ids"),
            ("GET", "/v1/channels?broadcasters=%2B1", "", "broadcasters: must be ids"),
            ("GET", "/v1/channels?broadcasters=0", "", "broadcasters: must be ids"),
            ("GET", "/v1/channels?broadcasters=9223372036854775808", "", "broadcasters: must be ids"),
            ("GET", "/v1/channels?broadcasters=" + list(101), "", "broadcasters: must be 1 to 100 entries, is 101"),
            ("GET", "/v1/channels?slugs=" + list(101), "", "slugs: must be 1 to 100 entries, is 101"),
            ("GET", "/v1/channels?slugs=", "", "slugs: must be user ids or slugs of 1 to 25 characters, is 0"),
            (
                "GET", "/v1/channels?slugs=a," + long(26), "",
                "slugs: must be user ids or slugs of 1 to 25 characters, is"
            ),
            ("GET", "/v1/channels/" + long(26), "", "channel: must be user ids or slugs of 1 to 25 characters, is 26"),
            ("GET", "/v1/channels/0", "", "channel: is no user id"),
            ("GET", "/v1/channels/9223372036854775808", "", "channel: is no user id"),
            ("GET", "/v1/channels/1?a", "", "a: is no parameter: there are none"),
            ("GET", own + "/channel?a=b", "", "a: is no parameter: there are none"),
            ("GET", own + "/stream-key?a=b", "", "a: is no parameter: there are none"),
            ("PATCH", own + "/channel?a=b", #"{"title":"x"}"#, "a: is no parameter: there are none"),
            ("PATCH", own + "/channel", "", "the body is empty: expected a JSON object"),
            ("PATCH", own + "/channel", "{}", "body: must have at least one of title, category_id and tags"),
            ("PATCH", own + "/channel", #"{"stream_title":"x"}"#, "stream_title: is not known: there are category_id"),
            ("PATCH", own + "/channel", #"{"title":" "}"#, "title: must not be empty or blank"),
            ("PATCH", own + "/channel", #"{"title":1}"#, "title: must be a string"),
            ("PATCH", own + "/channel", #"{"category_id":0}"#, "category_id: must be at least 1, is 0"),
            ("PATCH", own + "/channel", #"{"category_id":"7"}"#, "category_id: must be a whole number"),
            ("PATCH", own + "/channel", #"{"tags":[""]}"#, "tags: must not be empty or blank"),
            (
                "PATCH", own + "/channel", #"{"tags":["1","2","3","4","5","6","7","8","9","10","11"]}"#,
                "tags: must be at most 10 entries, is 11"
            ),
        ])
    func bounds(method: String, path: String, body: String, detail: String) async throws {
        let kick = MadeUpKick()
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey()
            let answer = try await stage.call(method, path, key: key, body: body)
            let problem = try answer.json()
            #expect(answer.status == .badRequest && problem["code"] as? String == "invalid")
            #expect((problem["detail"] as? String)?.hasPrefix(detail) == true, "\(answer.text)")
        }
        #expect(kick.requests.isEmpty)
    }

    private static func list(_ count: Int) -> String { (1...count).map(String.init).joined(separator: ",") }
    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }

    @Test("title, category and tags are changed, and nothing else is said to Kick")
    func update() async throws {
        let kick = MadeUpKick([.updateChannel: (204, "")])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey([.channelsWrite])
            for body in [
                #"{"title":"New","category_id":7,"tags":["a"]}"#, #"{"tags":[]}"#, #"{"title":null,"tags":[]}"#,
            ] {
                let answer = try await stage.call("PATCH", Self.own + "/channel", key: key, body: body)
                #expect(answer.status == .noContent && answer.text.isEmpty)
            }
            kick.answer(.updateChannel, 400, #"{"data":"unknown category","message":"Bad Request"}"#)
            let refused = try await stage.call(
                "PATCH", Self.own + "/channel", key: key, body: #"{"category_id":8}"#)
            let problem = try refused.json()
            #expect(refused.status == .unprocessableContent && problem["code"] as? String == "kick_rejected")
            let words = problem["kick"] as? [String: Any]
            #expect(words?["status"] as? Int == 400 && words?["message"] as? String == "unknown category")
        }
        let tagsAlone = #"{"custom_tags":[]}"#
        #expect(
            kick.bodies == [
                #"{"category_id":7,"custom_tags":["a"],"stream_title":"New"}"#, tagsAlone, tagsAlone,
                #"{"category_id":8}"#,
            ])
    }

    // MARK: The stream key

    @Test("the stream key goes to keys that have its scope by name, and is kept nowhere (P6)")
    func streamKey() async throws {
        let kick = MadeUpKick([.channels: (200, #"{"data":[\#(Self.live)]}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey([.streamKeyRead])
            for _ in 0..<2 {
                let answer = try await stage.call("GET", Self.own + "/stream-key", key: key)
                #expect(answer.text == #"{"key":"sk_secret","url":"rtmps://ingest.test/app"}"#)
                #expect(answer.fields[.cacheControl] == "no-store" && !answer.fields.contains(.eTag))
            }
            #expect(kick.requests.count == 2, "asked each time")
            // What is remembered of the channel has no key either.
            _ = try await stage.call(
                "GET", Self.own + "/channel", key: try await stage.makeKey([.channelsRead]))
            kick.answer(.channels, 200, #"{"data":[\#(Self.bare)]}"#)
            let none = try await stage.call("GET", Self.own + "/stream-key", key: key)
            #expect(none.status == .notFound)
        }
    }

    @Test("a key that was made without a list of scopes does not have that of the stream key")
    func standardKey() async throws {
        let kick = MadeUpKick([.channels: (200, #"{"data":[\#(Self.live)]}"#)])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let made = try await stage.call(
                "POST", "/admin/v1/tenants/\(stage.tenant.id)/keys", key: HandlerStage.adminKey,
                body: #"{"name":"standard"}"#)
            let key = try #require(try made.json()["secret"] as? String)
            #expect(try await stage.call("GET", Self.own + "/channel", key: key).status == .ok)
            let before = kick.requests.count
            let refused = try await stage.call("GET", Self.own + "/stream-key", key: key)
            #expect(refused.status == .forbidden && !refused.text.contains("sk_"))
            #expect(try refused.json()["code"] as? String == "forbidden")
            #expect(kick.requests.count == before)
        }
    }

    @Test("without the broadcaster's consent there is no call, and the problem says how to get it")
    func missingScope() async throws {
        let kick = MadeUpKick()
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let login = try await stage.makeLogin(scopes: [.channelRead])
            let keys = (all: try await stage.makeKey(), reader: try await stage.makeKey([.streamKeyRead]))
            let answer = try await stage.call("GET", Self.own + "/stream-key", key: keys.all)
            let problem = try answer.json()
            #expect(answer.status == .forbidden && problem["code"] as? String == "missing_scope")
            #expect(problem["missing_scopes"] as? [String] == ["streamkey:read"])
            #expect(problem["login_id"] as? String == login.id.text)
            #expect((problem["connect_url"] as? String)?.hasPrefix("http://gateway.test/auth/kick?link=") == true)
            let other = try await stage.call("GET", Self.own + "/stream-key", key: keys.reader)
            #expect(other.text.contains(#""connect_url":null"#))
        }
        #expect(kick.requests.isEmpty)
    }

    @Test(
        "each route wants its scope of the key, whatever else the key may do",
        arguments: [
            ("GET", "/v1/channels?broadcasters=1", KeyScope.channelsRead), ("GET", "/v1/channels/1", .channelsRead),
            ("GET", own + "/channel", .channelsRead), ("PATCH", own + "/channel", .channelsWrite),
            ("GET", own + "/stream-key", .streamKeyRead), ("GET", "/v1/users?ids=1", .channelsRead),
            ("GET", "/v1/users/1", .channelsRead), ("GET", own + "/user", .channelsRead),
            ("GET", "/v1/livestreams", .channelsRead), ("GET", "/v1/livestreams/stats", .channelsRead),
            ("GET", "/v1/categories", .channelsRead), ("GET", "/v1/categories/1", .channelsRead),
            ("POST", own + "/chat/messages", .chatWrite), ("DELETE", own + "/chat/messages/a", .moderationWrite),
            ("PUT", own + "/bans/9", .moderationWrite), ("DELETE", own + "/bans/9", .moderationWrite),
        ])
    func keyScopes(method: String, path: String, scope: KeyScope) async throws {
        let kick = MadeUpKick()
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey(KeyScope.allCases.filter { $0 != scope })
            let refused = try await stage.call(method, path, key: key)
            let problem = try refused.json()
            #expect(refused.status == .forbidden && problem["code"] as? String == "forbidden")
            #expect((problem["detail"] as? String)?.contains(scope.rawValue) == true)
            #expect(kick.requests.isEmpty)
            #expect(try await stage.call(method, path).status == .unauthorized)
            let allowed = try await stage.call(method, path, key: try await stage.makeKey([scope]))
            #expect(allowed.status != .forbidden && allowed.status != .unauthorized)
        }
    }
}
