import HTTP
import HTTPClient
import Kick
import Sandbox
import Testing

@Suite("Sandbox over HTTP: subscriptions on bad days", .timeLimit(.minutes(1)))
struct SubscriptionsOverHTTPTests {
    private static let policyPath = "/sandbox/subscriptions/policy"
    private static let path = "/public/v1/events/subscriptions"
    private static let follow: JSON = ["type": "channel.followed", "broadcaster_user_id": 1001]

    private static func listedIDs(_ bench: Bench) async throws -> [String] {
        let answer = try await bench.api(.get, path, token: try await bench.appToken())
        return (answer.json["data"]?.arrayValue ?? []).compactMap { $0["id"]?.stringValue }
    }

    private static func summary(_ bench: Bench) async throws -> JSON {
        let apps = try await bench.send(.get, "/sandbox/subscriptions").json["apps"]?.arrayValue
        return try #require(apps?.first)
    }

    @Test("Subscribing twice is delivered twice, with different subscription and message ids")
    func duplicates() async throws {
        try await Bench.with { bench in
            try await bench.put(Self.policyPath, ["duplicates": true])
            for _ in 1...2 { try await bench.subscribe(to: [.channelFollowed]) }
            #expect(try await bench.control("/sandbox/trigger", Self.follow)["delivered"] == 2)
            let deliveries = bench.receiver.deliveries
            #expect(Set(deliveries.compactMap(\.messageID)).count == 2)
            #expect(Set(deliveries.compactMap { $0.fields["Kick-Event-Subscription-Id"] }).count == 2)
            #expect(Set(deliveries.map(\.body)).count == 1)
            #expect(try await Self.summary(bench)["duplicates"] == 1)
        }
    }

    @Test("A phantom, a silent type: nothing is delivered, and the list tells them apart")
    func nothingDelivered() async throws {
        try await Bench.with { bench in
            try await bench.put(Self.policyPath, ["phantom_creates": 1, "silent_types": ["kicks.gifted"]])
            try await bench.subscribe(to: [.channelFollowed, .kicksGifted])
            #expect(try await Self.listedIDs(bench).count == 1)
            for type in ["channel.followed", "kicks.gifted"] {
                try await bench.control(
                    "/sandbox/trigger", ["type": .string(type), "broadcaster_user_id": 1001], status: .conflict)
            }
        }
    }

    @Test("An undead subscription is deleted, not listed, and delivers until it is laid to rest")
    func undead() async throws {
        try await Bench.with { bench in
            try await bench.subscribe(to: [.channelFollowed])
            try await bench.put(Self.policyPath, ["undead_deletes": 1])
            let token = try await bench.appToken()
            let id = try #require(try await Self.listedIDs(bench).first)
            #expect(try await bench.api(.delete, Self.path, token: token, query: ["id": id]).status == .noContent)
            #expect(try await Self.listedIDs(bench).isEmpty)
            #expect(try await bench.control("/sandbox/trigger", Self.follow)["delivered"] == 1)
            try await bench.put(Self.policyPath, ["undead_deletes": 0])
            try await bench.control("/sandbox/trigger", Self.follow, status: .conflict)
        }
    }

    @Test("Webhooks switched off: nothing is delivered, and the list is empty or stays", arguments: [false, true])
    func switchedOff(keepsList: Bool) async throws {
        try await Bench.with { bench in
            try await bench.put(Self.policyPath, ["switch_off_keeps_list": .bool(keepsList)])
            try await bench.subscribe(to: [.channelFollowed])
            try await bench.control("/sandbox/apps", ["webhooks_enabled": false])
            #expect(try await Self.listedIDs(bench).count == (keepsList ? 1 : 0))
            try await bench.control("/sandbox/trigger", Self.follow, status: .conflict)
        }
    }

    @Test("After a day of failed deliveries the subscription is gone, without a word")
    func autoUnsubscribe() async throws {
        try await Bench.with {
            $0.delivery.attempts = 1
        } _: { bench in
            try await bench.put(Self.policyPath, ["auto_unsubscribe_seconds": 1])
            try await bench.subscribe(to: [.channelFollowed, .kicksGifted])
            bench.receiver.answer(Array(repeating: .internalServerError, count: 10_000))
            var tries = 0
            while try await Self.listedIDs(bench).count == 2 {
                let answer = try await bench.send(.post, "/sandbox/trigger", body: Self.follow.bytes)
                #expect([.ok, .conflict].contains(answer.status))
                tries += 1
            }
            // The first failure only starts the clock.
            #expect(tries > 1)
            let summary = try await Self.summary(bench)
            #expect(summary["auto_unsubscribed"] == 1)
            #expect(summary["by_event"]?.text == #"{"kicks.gifted":1}"#)
        }
    }

    @Test("Calls are counted per app, those that failed on order too; a reset counts anew")
    func counts() async throws {
        try await Bench.with { bench in
            try await bench.put(Self.policyPath, ["limit_per_type": 1, "unverified_chat_limit": 0])
            try await bench.subscribe(to: [.channelFollowed])
            let token = try await bench.appToken()
            try await bench.control(
                "/sandbox/faults",
                ["target": "api", "status": 500, "method": "POST", "path_prefix": .string(Self.path)])
            let chat: JSON = [
                "broadcaster_user_id": 1001, "method": "webhook",
                "events": [["name": "chat.message.sent", "version": 1]],
            ]
            #expect(try await bench.api(.post, Self.path, token: token, json: chat).status == .internalServerError)
            let refused = try await bench.api(.post, Self.path, token: token, json: chat)
            #expect(refused.text == #"{"data":"event subscription limit reached","message":"Bad request"}"#)
            let ids = try await Self.listedIDs(bench)
            _ = try await bench.api(.delete, Self.path, token: token, query: ["id": try #require(ids.first)])
            #expect(
                try await Self.summary(bench).text
                    == #"{"client_id":"client","subscriptions":0,"duplicates":0,"undead":0,"by_event":{},"#
                    + #""calls":{"create":3,"list":1,"delete":1},"created":1,"deleted":1,"phantoms":0,"#
                    + #""partial_errors":0,"over_limit":1,"auto_unsubscribed":0}"#)
            #expect(try await bench.send(.post, "/sandbox/subscriptions/reset").status == .noContent)
            #expect(try await Self.summary(bench)["calls"]?["create"] == 0)
        }
    }

    @Test("Subscriptions are dropped on command: one broadcaster's, one event's")
    func drop() async throws {
        try await Bench.with { bench in
            for broadcaster in [1001, 1002] {
                try await bench.subscribe(broadcaster: broadcaster, to: [.channelFollowed, .kicksGifted])
            }
            let path = "/sandbox/subscriptions/drop"
            #expect(try await bench.control(path, ["broadcaster_user_id": 1002])["dropped"] == 2)
            #expect(try await bench.control(path, ["event": "kicks.gifted", "client_id": "client"])["dropped"] == 1)
            #expect(try await Self.listedIDs(bench).count == 1)
            try await bench.control(path, ["brodcaster_user_id": 1001], status: .badRequest)
        }
    }

    @Test("The policy is shown as it was set; a wrong one changes nothing")
    func policy() async throws {
        try await Bench.with { bench in
            let text =
                #"{"limit_per_type":5,"unverified_chat_limit":4,"duplicates":true,"list_delay_seconds":3,"#
                + #""phantom_creates":2,"partial_errors":1,"failing_types":["a"],"silent_types":["b","c"],"#
                + #""ignored_deletes":6,"undead_deletes":7,"switch_off_keeps_list":true,"#
                + #""auto_unsubscribe_seconds":8}"#
            try await bench.put(Self.policyPath, JSON(parsing: text)!)
            for wrong: JSON in [
                ["limit_per_type": 9, "phantom_creates": -1], ["limit_per_type": 9, "colour": 1],
                ["limit_per_type": 9, "silent_types": "b"], ["limit_per_type": 9, "list_delay_seconds": 3601],
            ] {
                try await bench.put(Self.policyPath, wrong, status: .badRequest)
            }
            #expect(try await bench.send(.get, Self.policyPath).text == text)
        }
    }
}
