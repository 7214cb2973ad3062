package import Model
package import Store

/// How long a tenant's events are kept: as long as the deployment's, or for a shorter time that it asked for.
package struct TenantRetention: Sendable {
    package struct Status: Sendable {
        /// What the tenant asked for; nil: the deployment's.
        package let chosen: Duration?
        package let standard: Duration
        package let minimum: Duration
    }

    private let log: EventLog
    private let standard: Duration
    private let minimum: Duration

    /// - Parameters:
    ///   - standard: how long the deployment keeps events.
    ///   - minimum: how old a webhook may be when it comes. An event that was forgotten before could come once more (P9).
    package init(log: EventLog, standard: Duration, minimum: Duration) {
        self.log = log
        self.standard = standard
        self.minimum = min(minimum, standard)
    }

    package func status(in tenant: TenantID) async throws -> Status {
        Status(chosen: try await log.keep(in: tenant), standard: standard, minimum: minimum)
    }

    /// Older events are gone within minutes; readers whose cursor is older are told of the gap. Throws `invalid` for a time
    /// out of bounds.
    package func choose(_ age: Duration?, in tenant: TenantID) async throws -> Status {
        if let age, age < minimum || age > standard {
            throw GatewayError(
                .invalid,
                "must be from \(minimum.components.seconds) to \(standard.components.seconds), or null for the longest",
                field: "seconds")
        }
        try await log.keep(age, in: tenant)
        return try await status(in: tenant)
    }
}
