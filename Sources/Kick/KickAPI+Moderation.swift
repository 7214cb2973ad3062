import HTTP
package import Net
package import Telemetry

/// Somebody who is to stay out of a channel's chat (FACTS §2.8).
package struct Ban: Hashable, Sendable {
    package let broadcasterUserID: Int64
    package let userID: Int64
    /// Nil: for good.
    package let durationMinutes: Int?
    package let reason: String?

    /// Throws for ids below 1, for a duration outside of 1...10080 minutes (a week), and for a reason of more than 100
    /// characters.
    package init(
        broadcasterUserID: Int64, userID: Int64, durationMinutes: Int? = nil, reason: String? = nil
    ) throws(KickBoundError) {
        try Bound.positive(broadcasterUserID, "broadcaster")
        try Bound.positive(userID, "user")
        if let durationMinutes { try Bound.number(durationMinutes, 1...10_080, "duration_minutes") }
        if let reason { try Bound.text(reason, 0...100, "reason") }
        self.broadcasterUserID = broadcasterUserID
        self.userID = userID
        self.durationMinutes = durationMinutes
        self.reason = reason
    }
}

/// The body of both calls.
private struct BanBody: Encodable {
    let broadcasterUserID: Int64
    let userID: Int64
    var minutes: Int?
    var reason: String?

    enum CodingKeys: String, CodingKey {
        case broadcasterUserID = "broadcaster_user_id"
        case userID = "user_id"
        case minutes = "duration"
        case reason
    }
}

extension KickAPI {
    /// Bans, or bans for a time. User token with `moderation:ban`, of the broadcaster or of a moderator.
    package func ban(_ ban: Ban, token: Secret<String>, deadline: Deadline) async throws(KickError) {
        let body = try Self.json(
            BanBody(
                broadcasterUserID: ban.broadcasterUserID, userID: ban.userID, minutes: ban.durationMinutes,
                reason: ban.reason))
        try await command(KickRequest(.ban, body: body, bearer: token), deadline)
    }

    /// Lets somebody in again. User token with `moderation:ban`.
    package func unban(
        userID: Int64, broadcasterUserID: Int64, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) {
        // Kick wants a body with this DELETE.
        let body = try Self.json(BanBody(broadcasterUserID: broadcasterUserID, userID: userID))
        try await command(KickRequest(.unban, body: body, bearer: token), deadline)
    }
}
