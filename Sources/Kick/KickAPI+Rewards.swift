import HTTP
package import Net
package import Telemetry

extension KickAPI {
    /// The rewards of the token's own channel, at most 15. User token with `channel:rewards:read` or
    /// `channel:rewards:write`.
    package func rewards(token: Secret<String>, deadline: Deadline) async throws(KickError) -> [KickReward] {
        try await page(KickRequest(.rewards, bearer: token), deadline).elements
    }

    /// Makes a reward. User token with `channel:rewards:write`. Asking twice makes two.
    package func createReward(
        _ reward: NewReward, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KickReward {
        let request = KickRequest(.createReward, body: try Self.json(reward), bearer: token)
        return try await value(request, deadline)
    }

    /// Changes a reward of this app's. User token with `channel:rewards:write`. Throws `forbidden` for another app's, and
    /// `notFound`.
    package func updateReward(
        _ id: KickID, _ change: RewardChange, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KickReward {
        let request = KickRequest(.updateReward, id: id.text, body: try Self.json(change), bearer: token)
        return try await value(request, deadline)
    }

    /// Ends a reward of this app's. User token with `channel:rewards:write`. Throws `forbidden` for another app's.
    package func deleteReward(_ id: KickID, token: Secret<String>, deadline: Deadline) async throws(KickError) {
        try await command(KickRequest(.deleteReward, id: id.text, bearer: token), deadline)
    }
}
