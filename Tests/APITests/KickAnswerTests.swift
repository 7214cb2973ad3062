import HTTP
import HTTPServer
import Kick
import Model
import TestKit
import Testing

@testable import API

/// What every read of Kick's data does, whatever is read: conditions, how long it is good, and what is old.
@Suite("Answers of Kick's", .timeLimit(.minutes(1)))
struct KickAnswerTests {
    private static let path = "/v1/channels/1001"

    private static func channel(title: String) -> String {
        #"{"data":[{"broadcaster_user_id":1001,"slug":"nova","stream_title":"\#(title)"}]}"#
    }

    @Test("an answer may be kept by the caller alone, who asks again: no lifetime tells of others' questions (P14)")
    func freshness() async throws {
        let kick = MadeUpKick([
            .channels: (200, Self.channel(title: "a")), .users: (200, #"{"data":[{"user_id":1,"name":"a"}]}"#),
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            let live = try await stage.call("GET", Self.path, key: key)
            #expect(live.fields[.cacheControl] == Self.askAgain)
            let slow = try await stage.call("GET", "/v1/users/1", key: key)
            #expect(slow.fields[.cacheControl] == Self.askAgain)
            #expect(!slow.fields.contains(.age) && !slow.fields.contains(.cacheStatus))
            stage.ahead.update { $0 += .seconds(150) }
            let later = try await stage.call("GET", "/v1/users/1", key: key)
            #expect(later.fields[.eTag] == slow.fields[.eTag])
            #expect(kick.requests.count == 2)
        }
    }

    private static let askAgain = "private, no-cache"

    @Test("If-None-Match: 304 for the tag, weak or strong, alone or in a list, and for any; else the whole")
    func conditions() async throws {
        let kick = MadeUpKick([.channels: (200, Self.channel(title: "a"))])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            let first = try await stage.call("GET", Self.path, key: key)
            let tag = try #require(first.fields[.eTag])
            #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.count > 20)
            let matching = [
                [tag], ["W/" + tag], [#""x", \#(tag)"#], [#""x",W/\#(tag) , "y""#], [#""x""#, tag], ["*"], ["\t* "],
            ]
            for values in matching {
                for method in ["GET", "HEAD"] {
                    let answer = try await stage.call(
                        method, Self.path, key: key, fields: values.map { "If-None-Match: " + $0 })
                    #expect(answer.status == .notModified && answer.text.isEmpty, "\(values)")
                    #expect(answer.fields[.eTag] == tag && answer.fields[.cacheControl] == Self.askAgain)
                    #expect(!answer.fields.contains(.contentType))
                }
            }
            let other = [#""x""#, String(tag.dropFirst().dropLast()), "", "W/*", "W/" + tag.dropLast()]
            for value in other {
                let answer = try await stage.call("GET", Self.path, key: key, fields: ["If-None-Match: " + value])
                #expect(answer.status == .ok && answer.text == first.text, "\(value)")
            }
            kick.answer(.channels, 200, Self.channel(title: "b"))
            stage.ahead.update { $0 += .seconds(11) }
            let changed = try await stage.call("GET", Self.path, key: key, fields: ["If-None-Match: " + tag])
            #expect(changed.status == .ok && changed.fields[.eTag] != tag && changed.text.contains(#""title":"b""#))
        }
    }

    @Test("HEAD is GET: the same head")
    func head() async throws {
        let kick = MadeUpKick([.channels: (200, Self.channel(title: "a"))])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            let head = try await stage.call("HEAD", Self.path, key: key)
            let get = try await stage.call("GET", Self.path, key: key)
            #expect(head.status == .ok && head.fields[.eTag] == get.fields[.eTag])
            #expect(head.fields[.cacheControl] == Self.askAgain && head.fields[.contentType] == "application/json")
        }
    }

    @Test("what is old because Kick is in trouble says so, and how old it is (RFC 9211)")
    func stale() async throws {
        let kick = MadeUpKick([.channels: (200, Self.channel(title: "a"))])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            let key = try await stage.makeKey()
            let first = try await stage.call("GET", Self.path, key: key)
            kick.answer(.channels, 403, "<html>blocked</html>")
            stage.ahead.update { $0 += .seconds(90) }
            for fields in [[], ["If-None-Match: *"]] {
                let old = try await stage.call("GET", Self.path, key: key, fields: fields)
                #expect(old.status == (fields.isEmpty ? .ok : .notModified))
                #expect(old.text == (fields.isEmpty ? first.text : ""))
                #expect(old.fields[.eTag] == first.fields[.eTag] && old.fields[.cacheControl] == Self.askAgain)
                let age = try #require(old.fields[.age].flatMap { Int($0) })
                #expect(age >= 90)
                let status = try #require(old.fields[.cacheStatus])
                // Ninety seconds old, and good for ten.
                #expect(status.hasPrefix("kick-gateway; hit; ttl=-8"))
                #expect(status.hasSuffix(#"; detail="the edge in front of Kick blocked the request""#))
            }
            // Kick is well again, and the pause is over.
            kick.answer(.channels, 200, Self.channel(title: "b"))
            stage.ahead.update { $0 += .seconds(3) }
            let fresh = try await stage.call("GET", Self.path, key: key)
            #expect(fresh.text.contains(#""title":"b""#))
            #expect(!fresh.fields.contains(.age) && !fresh.fields.contains(.cacheStatus))
            // What is too old is given to nobody.
            kick.answer(.channels, 403, "<html>blocked</html>")
            stage.ahead.update { $0 += .seconds(700) }
            #expect(try await stage.call("GET", Self.path, key: key).status == .badGateway)
        }
    }

    @Test("a write makes what is remembered void, for each name that the channel has")
    func afterWrite() async throws {
        let kick = MadeUpKick([.channels: (200, Self.channel(title: "a")), .updateChannel: (204, "")])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let key = try await stage.makeKey()
            let paths = [
                Self.path, "/v1/channels/nova", "/v1/channels?slugs=nova", "/v1/channels?broadcasters=1001",
                "/v1/broadcasters/1001/channel",
            ]
            for path in paths { _ = try await stage.call("GET", path, key: key) }
            let write = try await stage.call(
                "PATCH", "/v1/broadcasters/1001/channel", key: key, body: #"{"title":"b"}"#)
            #expect(write.status == .noContent)
            kick.answer(.channels, 200, Self.channel(title: "b"))
            for path in paths {
                let answer = try await stage.call("GET", path, key: key)
                #expect(answer.text.contains(#""title":"b""#), "\(path)")
            }
        }
    }

    @Test("what Kick never says twice is not kept: no condition is taken for it")
    func unkept() async throws {
        let kick = MadeUpKick([
            .channels: (200, #"{"data":[{"broadcaster_user_id":1001,"slug":"n","stream":{"key":"k","url":"u"}}]}"#)
        ])
        try await HandlerStage.run(kick: kick.exchange) { stage in
            try await stage.makeLogin()
            let answer = try await stage.call(
                "GET", "/v1/broadcasters/1001/stream-key", key: try await stage.makeKey(), fields: ["If-None-Match: *"])
            #expect(answer.status == .ok && answer.text == #"{"key":"k","url":"u"}"#)
        }
    }
}
