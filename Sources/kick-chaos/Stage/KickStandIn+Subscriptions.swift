import Gateway
import HTTP
import HTTPClient
import Net
import ProcessKit
import Sandbox

/// Kick's own truth about the app's subscriptions.
struct KickTruth: Sendable {
    /// Types of events that are wanted of every broadcaster.
    static let types = Subscribing.allTypes.count

    var subscriptions = 0
    /// Of them those of a broadcaster and type of which there is another one.
    var duplicates = 0
    /// Requests.
    var creates = 0
    var lists = 0
    var deletes = 0
    /// Subscriptions.
    var created = 0
    var deleted = 0
    var phantoms = 0
    var partialErrors = 0

    var text: String {
        "Kick has \(subscriptions), of which \(duplicates) twice; made \(created), deleted \(deleted), \(phantoms) phantoms"
    }
}

extension KickStandIn {
    func subscriptions() async throws -> KickTruth {
        let answer = try await calls.json(.get, "/sandbox/subscriptions")
        let app = answer["apps"]?.arrayValue?.first { $0["client_id"]?.stringValue == Self.clientID }
        guard let app else { throw ProcessError("the sandbox does not know the app") }
        func number(_ name: String, in object: JSON?) throws -> Int {
            guard let value = object?[name]?.integerValue else {
                throw ProcessError("the sandbox does not count \(name)")
            }
            return value
        }
        var truth = KickTruth()
        truth.subscriptions = try number("subscriptions", in: app)
        truth.duplicates = try number("duplicates", in: app)
        truth.creates = try number("create", in: app["calls"])
        truth.lists = try number("list", in: app["calls"])
        truth.deletes = try number("delete", in: app["calls"])
        truth.created = try number("created", in: app)
        truth.deleted = try number("deleted", in: app)
        truth.phantoms = try number("phantoms", in: app)
        truth.partialErrors = try number("partial_errors", in: app)
        return truth
    }

    func setSubscriptionPolicy(_ policy: JSON) async throws {
        try await calls.json(.put, "/sandbox/subscriptions/policy", policy)
    }

    /// Ends those that fit without a word; how many.
    func dropSubscriptions(_ which: JSON) async throws -> Int {
        try await calls.json(.post, "/sandbox/subscriptions/drop", which)["dropped"]?.integerValue ?? 0
    }

    /// As in Kick's dashboard.
    func setWebhooks(isEnabled: Bool, url: String = "http://127.0.0.1:9/webhooks/kick") async throws {
        try await calls.json(
            .post, "/sandbox/apps",
            [
                "client_id": .string(Self.clientID), "webhooks_enabled": .bool(isEnabled),
                "webhook_url": .string(url),
            ])
    }

    /// Subscribes to everything of a broadcaster with the app's token, as somebody would who knows nothing of the gateway.
    func subscribeAgain(to broadcaster: Int) async throws {
        guard let url = HTTPURL("\(url)/oauth/token") else { throw ProcessError("\(url) is no URL") }
        let form: QueryItems = [
            "grant_type": "client_credentials", "client_id": Self.clientID, "client_secret": Self.clientSecret,
        ]
        let answer = try await calls.client.send(
            OutboundRequest(
                .post, url, fields: [.contentType: FormURLEncoded.contentType], body: FormURLEncoded.encode(form)),
            deadline: .after(.seconds(10)))
        guard let token = JSON(parsing: answer.body)?["access_token"]?.stringValue else {
            throw ProcessError("Kick gave no app token: \(answer.status)")
        }
        var calls = calls
        calls.key = token
        try await calls.json(
            .post, "/public/v1/events/subscriptions",
            [
                "method": "webhook", "broadcaster_user_id": .integer(broadcaster),
                "events": .array(
                    Subscribing.allTypes.map { ["name": .string($0), "version": 1] }),
            ])
    }

    /// Lets deliveries of one type to these broadcasters fail until Kick ends the subscriptions; how many it ended.
    func failDeliveries(to broadcasters: [Int]) async throws -> Int {
        // Nobody listens at port 9.
        try await setWebhooks(isEnabled: true)
        let before = try await subscriptions().subscriptions
        for _ in 0..<2 {
            for broadcaster in broadcasters {
                _ = try await calls.answer(
                    .post, "/sandbox/trigger",
                    [
                        "type": "channel.followed", "broadcaster_user_id": .integer(broadcaster), "attempts": 1,
                    ])
            }
            try await sleep(for: .milliseconds(1500))
        }
        return before - (try await subscriptions().subscriptions)
    }
}
