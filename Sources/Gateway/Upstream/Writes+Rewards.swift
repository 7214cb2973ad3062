package import Kick
import Net
import Telemetry

extension KickWrite where Value == KickReward {
    /// Makes a reward for a login's channel. Asking twice makes two.
    package static func createReward(_ reward: NewReward, for user: Int64) -> KickWrite {
        KickWrite(.createReward, as: .user(user), changes: [.rewards(user)]) {
            api, token, deadline throws(KickError) in
            try await api.createReward(reward, token: token, deadline: deadline)
        }
    }

    /// Changes a reward that the app has made.
    package static func updateReward(_ id: KickID, _ change: RewardChange, of user: Int64) -> KickWrite {
        KickWrite(.updateReward, as: .user(user), changes: [.rewards(user)]) {
            api, token, deadline throws(KickError) in
            try await api.updateReward(id, change, token: token, deadline: deadline)
        }
    }
}

extension KickWrite where Value == Void {
    /// Ends a reward that the app has made.
    package static func deleteReward(_ id: KickID, of user: Int64) -> KickWrite {
        KickWrite(.deleteReward, as: .user(user), changes: [.rewards(user)]) {
            api, token, deadline throws(KickError) in
            try await api.deleteReward(id, token: token, deadline: deadline)
        }
    }
}

/// What became of one redemption that was to be accepted or rejected.
package struct RedemptionOutcome: Hashable, Sendable {
    package let id: String
    /// Why it is as it was before: Kick's word. Nil: it is done.
    package let failure: String?

    /// One for each that was asked for, in that order. Kick names only those that failed.
    static func all(of batch: RedemptionBatch, failed: [FailedRedemption]) -> [RedemptionOutcome] {
        // A ULID means the same in small letters.
        let reasons = Dictionary(failed.map { ($0.id.lowercased(), $0.reason) }) { first, _ in first }
        return batch.ids.map { RedemptionOutcome(id: $0.text, failure: reasons[$0.text.lowercased()]) }
    }
}

extension KickWrite where Value == [RedemptionOutcome] {
    /// Accepts redemptions in a login's channel, of rewards that the app has made. Each can fail for itself.
    package static func acceptRedemptions(_ batch: RedemptionBatch, of user: Int64) -> KickWrite {
        KickWrite(.acceptRedemptions, as: .user(user), changes: [.rewards(user)]) {
            api, token, deadline throws(KickError) in
            let failed = try await api.acceptRedemptions(batch, token: token, deadline: deadline)
            return RedemptionOutcome.all(of: batch, failed: failed)
        }
    }

    /// Rejects redemptions in a login's channel, of rewards that the app has made. Each can fail for itself.
    package static func rejectRedemptions(_ batch: RedemptionBatch, of user: Int64) -> KickWrite {
        KickWrite(.rejectRedemptions, as: .user(user), changes: [.rewards(user)]) {
            api, token, deadline throws(KickError) in
            let failed = try await api.rejectRedemptions(batch, token: token, deadline: deadline)
            return RedemptionOutcome.all(of: batch, failed: failed)
        }
    }
}
