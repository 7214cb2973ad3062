import HTTP
import HTTPServer

/// /sandbox/policy: the token policy, changed while it runs.
struct PolicyRoutes: Sendable {
    let core: SandboxCore

    func add(to router: inout Router<Handler>) {
        router.add(.get, "/sandbox/policy") { _ in .json(core.tokens.json) }
        router.addControl(.put, "/sandbox/policy") { json in
            // Read and applied as a whole, so nothing of a wrong order is kept.
            let changed = try core.changeTokens { policy throws(SandboxError) in try policy.apply(json) }
            return .json(changed.json)
        }
    }
}

extension TokenPolicy {
    private static let seconds = 1...31_536_000

    /// What PUT /sandbox/policy names changes. Throws with what is wrong, some of it applied already.
    package mutating func apply(_ json: JSON?) throws(SandboxError) {
        let order = try OrderReader(
            json,
            known: [
                "refresh_mode", "access_token_seconds", "app_token_seconds", "refresh_token_seconds",
                "refresh_age_counts_from_consent", "code_seconds", "superseded_revokes_grant", "old_access_token_dies",
                "invalid_grant_status", "token_delay_ms",
            ])
        if let text = try order.text("refresh_mode") {
            guard let mode = RefreshMode(text) else {
                throw .configuration(
                    reason: "refresh_mode: expected reusable, single_use or single_use_with_grace(SECONDS)")
            }
            refreshMode = mode
        }
        if let value = try order.number("access_token_seconds", in: Self.seconds) { accessTokenSeconds = value }
        if let value = try order.number("app_token_seconds", in: Self.seconds) { appTokenSeconds = value }
        if let value = try order.number("refresh_token_seconds", in: Self.seconds) { refreshTokenSeconds = value }
        if let value = try order.flag("refresh_age_counts_from_consent") { refreshAgeCountsFromConsent = value }
        if let value = try order.number("code_seconds", in: Self.seconds) { codeSeconds = value }
        if let value = try order.flag("superseded_revokes_grant") { supersededTokenRevokesGrant = value }
        if let value = try order.flag("old_access_token_dies") { oldAccessTokenDiesAtRefresh = value }
        if let value = try order.number("invalid_grant_status", in: 400...401) { invalidGrantStatus = value }
        if let value = try order.number("token_delay_ms", in: 0...60_000) { answerDelayMilliseconds = value }
    }

    package var json: JSON {
        [
            "refresh_mode": .string(refreshMode.description), "access_token_seconds": .integer(accessTokenSeconds),
            "app_token_seconds": .integer(appTokenSeconds), "refresh_token_seconds": .integer(refreshTokenSeconds),
            "refresh_age_counts_from_consent": .bool(refreshAgeCountsFromConsent),
            "code_seconds": .integer(codeSeconds), "superseded_revokes_grant": .bool(supersededTokenRevokesGrant),
            "old_access_token_dies": .bool(oldAccessTokenDiesAtRefresh),
            "invalid_grant_status": .integer(invalidGrantStatus), "token_delay_ms": .integer(answerDelayMilliseconds),
        ]
    }
}
