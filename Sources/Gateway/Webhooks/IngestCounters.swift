package import Kick
package import Telemetry

/// Why nobody got a webhook that Kick had signed.
package enum UnwantedReason: String, Sendable, CaseIterable {
    /// Its body names no broadcaster.
    case noBroadcaster = "no_broadcaster"
    /// No tenant wants this type of this broadcaster through this app.
    case notSubscribed = "not_subscribed"
    /// No tenant has a login of this broadcaster through this app.
    case unknownBroadcaster = "unknown_broadcaster"
    /// A Drops claim of an app that no tenant uses, or several do: nobody can say whose it is.
    case noSingleTenant = "no_single_tenant"
}

/// Why a webhook was not taken for Kick's.
package enum RefusalReason: String, Sendable, CaseIterable {
    /// A header is missing or not what it should be.
    case headers
    /// Too old, from the future, or no time at all.
    case time
    case signature
    /// Signed, but not what may come this way.
    case content

    package init(_ refusal: WebhookRefusal) {
        self =
            switch refusal {
            case .missingHeader, .badHeader: .headers
            case .badTimestamp, .tooOld, .fromTheFuture: .time
            case .badSignature: .signature
            case .reservedType, .otherType, .notAClaim: .content
            }
    }
}

/// What became of the webhooks since the start of the process. For metrics.
package struct IngestCounters: Sendable {
    /// Webhooks that were new to at least one tenant.
    package let stored = Counter()
    /// Webhooks that everybody who wants them had already.
    package let known = Counter()
    /// Events that were stored as repetitions of another, in a tenant's log each (P9).
    package let duplicates = Counter()
    package let unwanted = CounterFamily<UnwantedReason>()
    package let refused = CounterFamily<RefusalReason>()
    /// Webhooks that could not be stored and were not acknowledged.
    package let unavailable = Counter()
    /// Milliseconds from Kick's sending to the arrival here, of what was stored.
    package let lag = Histogram(
        bounds: [100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000])

    package init() {}
}
