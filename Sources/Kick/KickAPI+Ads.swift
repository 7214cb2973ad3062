import FoundationEssentials
import HTTP
package import Net
package import Telemetry

/// A break for ads that is to begin (FACTS §2.13).
package struct AdBreak: Hashable, Sendable {
    /// A UUID, chosen by who asks.
    package let id: String
    package let durationSeconds: Int

    /// Throws for a duration outside of 7...300 seconds, and for an id that is no UUID. Without an id it gets a new one.
    package init(durationSeconds: Int, id: String? = nil) throws(KickBoundError) {
        try Bound.number(durationSeconds, 7...300, "duration_seconds")
        if let id, UUID(uuidString: id) == nil { throw KickBoundError("id", "must be a UUID") }
        self.id = id ?? UUID().uuidString.lowercased()
        self.durationSeconds = durationSeconds
    }
}

/// What Kick says to a break.
package struct AdBreakReceipt: Hashable, Sendable {
    package let id: String
    /// Nil when Kick does not tell.
    package let remainingAdBreaks: Int?

    package init(id: String, remainingAdBreaks: Int?) {
        self.id = id
        self.remainingAdBreaks = remainingAdBreaks
    }
}

extension KickAPI {
    /// Begins a break for ads on the token's own channel. User token with `ads:write`. When it cannot be, the error's
    /// message is one of Kick's codes: `CHANNEL_IS_NOT_LIVE`, `CHANNEL_NOT_OPTED_IN`, `ADS_BLOCKED`, `AUTO_ADS_ACTIVE`
    /// (`badRequest`), `AD_BREAK_ACTIVE`, `MAX_AD_BREAKS_REACHED` (`conflict`).
    package func startAdBreak(
        _ adBreak: AdBreak, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> AdBreakReceipt {
        struct Body: Encodable {
            let id: String
            let seconds: Int

            enum CodingKeys: String, CodingKey {
                case id
                case seconds = "break_duration_seconds"
            }
        }
        struct Receipt: Decodable {
            let id: String?
            let remaining: Int?

            enum CodingKeys: String, CodingKey {
                case id
                case remaining = "remaining_ad_breaks"
            }
        }
        let body = try Self.json(Body(id: adBreak.id, seconds: adBreak.durationSeconds))
        let request = KickRequest(.startAdBreak, body: body, bearer: token)
        let answer = try await exchange(request, deadline)
        guard (200...299).contains(answer.status) else { throw KickError(answer, to: request) }
        // It has begun, whatever the answer looks like; this call has been seen by one client only.
        let receipt = try? Envelope<Receipt?>.data(of: answer, to: request)
        return AdBreakReceipt(id: receipt?.id ?? adBreak.id, remainingAdBreaks: receipt?.remaining)
    }

    /// How the token's own channel stands with ads. User token with `ads:read` or `ads:write`.
    package func adStatus(token: Secret<String>, deadline: Deadline) async throws(KickError) -> KickAdStatus {
        try await value(KickRequest(.adBreakStatus, bearer: token), deadline)
    }

    /// Opts the token's own channel in. User token with `ads:write`. Kick's codes when it cannot be: `CHANNEL_IS_LIVE`,
    /// `CHANNEL_NEVER_STREAMED` (`badRequest`), `CHANNEL_NOT_FOUND` (`notFound`).
    package func enrollInAds(token: Secret<String>, deadline: Deadline) async throws(KickError) {
        try await command(KickRequest(.enrollInAds, bearer: token), deadline)
    }
}
