/// What the API does on its odd days, and what nobody knows of it: changed while it runs.
package struct APIPolicy: Sendable {
    /// More than 25 ids or slugs in one GET of channels mix up the data of every second one (#321).
    package var mixesUpLargeBatches = true
    /// So long after a PATCH a channel is shown as it was before (#205), in seconds.
    package var staleChannelSeconds = 0
    /// What stands for the category of a channel that never set one.
    package var unsetCategory = SandboxCategory.Unset.zero
    /// So many of the next chat messages are answered with `is_sent: false`, and nobody sees them.
    package var unsentChats = 0
    /// Whether a message that was sent by the API comes back as an event (FACTS §2.7: undocumented).
    package var echoesChat = true
    /// So many of the next redemptions cannot be accepted or rejected, with the reason `UNKNOWN`.
    package var unknownRedemptions = 0
    /// Redemptions on one page: Kick's own figure is not known.
    package var redemptionPageSize = 50
    /// What an ad break is answered with: 200 or 202 (FACTS §2.13).
    package var adBreakStatus = 200

    package init() {}
}

extension APIPolicy {
    private static let count = 0...1_000_000

    /// What PUT /sandbox/api/policy names changes. Throws with what is wrong, some of it applied already.
    package mutating func apply(_ json: JSON?) throws(SandboxError) {
        let order = try OrderReader(
            json,
            known: [
                "mix_up_large_batches", "stale_channel_seconds", "unset_category", "unsent_chats", "chat_echo",
                "unknown_redemptions", "redemption_page_size", "ad_break_status",
            ])
        if let value = try order.flag("mix_up_large_batches") { mixesUpLargeBatches = value }
        if let value = try order.number("stale_channel_seconds", in: 0...3600) { staleChannelSeconds = value }
        if let value = try order.choice("unset_category", of: SandboxCategory.Unset.self) { unsetCategory = value }
        if let value = try order.number("unsent_chats", in: Self.count) { unsentChats = value }
        if let value = try order.flag("chat_echo") { echoesChat = value }
        if let value = try order.number("unknown_redemptions", in: Self.count) { unknownRedemptions = value }
        if let value = try order.number("redemption_page_size", in: 1...1000) { redemptionPageSize = value }
        if let value = try order.number("ad_break_status", in: 200...202) { adBreakStatus = value }
    }

    package var json: JSON {
        [
            "mix_up_large_batches": .bool(mixesUpLargeBatches), "stale_channel_seconds": .integer(staleChannelSeconds),
            "unset_category": .string(unsetCategory.rawValue), "unsent_chats": .integer(unsentChats),
            "chat_echo": .bool(echoesChat), "unknown_redemptions": .integer(unknownRedemptions),
            "redemption_page_size": .integer(redemptionPageSize), "ad_break_status": .integer(adBreakStatus),
        ]
    }
}

/// What the API remembers beside the state: lost with the process.
package struct APIService: Sendable {
    package var policy: APIPolicy
    package var messages = ChatLog()
    /// Channels as they were before their last PATCH, and when that was.
    private var formerChannels: [Int: (channel: SandboxChannel, patchedAt: SandboxTime)] = [:]

    package init(policy: APIPolicy = APIPolicy()) {
        self.policy = policy
    }

    /// A channel was changed; `former` is how it looked.
    package mutating func patched(_ userID: Int, former: SandboxChannel, at now: SandboxTime) {
        guard policy.staleChannelSeconds > 0 else { return }
        // A second change within the time shows what was shown before the first.
        if staleChannels(at: now)[userID] == nil { formerChannels[userID] = (former, now) }
    }

    /// Those that still show what was before.
    package func staleChannels(at now: SandboxTime) -> [Int: SandboxChannel] {
        guard policy.staleChannelSeconds > 0, !formerChannels.isEmpty else { return [:] }
        return formerChannels.filter { now < $0.value.patchedAt + policy.staleChannelSeconds }.mapValues(\.channel)
    }
}
