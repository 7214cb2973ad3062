import HTTP
import HTTPServer

/// /sandbox/subscriptions: what Kick does with subscriptions on its bad days, and what was asked of it.
struct SubscriptionRoutes: Sendable {
    let core: SandboxCore

    func add(to router: inout Router<Handler>) {
        router.add(.get, "/sandbox/subscriptions") { _ in .json(summary) }
        router.add(.get, "/sandbox/subscriptions/policy") { _ in .json(core.subscriptions.policy.json) }
        router.addControl(.put, "/sandbox/subscriptions/policy") { .json(try change($0).json) }
        router.addControl(.post, "/sandbox/subscriptions/drop") { try drop($0) }
        router.addControl(.post, "/sandbox/subscriptions/reset") { _ in
            core.subscriptions.resetCounts()
            return Response(status: .noContent)
        }
    }

    private func change(_ json: JSON?) throws -> SubscriptionPolicy {
        // Read and applied as a whole, so nothing of a wrong order is kept.
        try core.subscriptions.changePolicy { policy throws(SandboxError) in try policy.apply(json) }
    }

    /// They end without a word, as after a day of failed deliveries.
    private func drop(_ json: JSON?) throws -> Response {
        let order = try OrderReader(json, known: ["client_id", "broadcaster_user_id", "event"])
        let (clientID, event) = (try order.text("client_id"), try order.text("event"))
        let broadcasterID = try order.number("broadcaster_user_id", in: 1...Int.max)
        let dropped = try core.subscriptions.change { state, service in
            let over = state.subscriptions.filter {
                (clientID == nil || clientID == $0.clientID) && (event == nil || event == $0.event)
                    && (broadcasterID == nil || broadcasterID == $0.broadcasterID)
            }
            for subscription in over { state.remove(subscription.id, service: &service, at: .now()) }
            return over.count
        }
        return .json(["dropped": .integer(dropped)])
    }

    private var summary: JSON {
        let counts = core.subscriptions.counts
        return core.keeper.read { state in
            [
                "apps": .array(
                    state.apps.keys.sorted().map { clientID in
                        state.summary(of: clientID, counts[clientID] ?? SubscriptionCounts())
                    })
            ]
        }
    }
}

extension SandboxState {
    fileprivate func summary(of clientID: String, _ counts: SubscriptionCounts) -> JSON {
        struct Place: Hashable {
            let broadcasterID: Int
            let event: String
        }
        let own = subscriptions.filter { $0.clientID == clientID }
        let places = Set(own.map { Place(broadcasterID: $0.broadcasterID, event: $0.event) })
        return [
            "client_id": .string(clientID), "subscriptions": .integer(own.count),
            "duplicates": .integer(own.count - places.count),
            "undead": .integer(undeadSubscriptions.count { $0.clientID == clientID }),
            "by_event": .object(
                subscriptionTable.counts(clientID: clientID).map { .init(name: $0.event, value: .integer($0.count)) }),
            "calls": [
                "create": .integer(counts.createCalls), "list": .integer(counts.listCalls),
                "delete": .integer(counts.deleteCalls),
            ],
            "created": .integer(counts.created), "deleted": .integer(counts.deleted),
            "phantoms": .integer(counts.phantoms), "partial_errors": .integer(counts.partialErrors),
            "over_limit": .integer(counts.overLimit), "auto_unsubscribed": .integer(counts.autoUnsubscribed),
        ]
    }
}
