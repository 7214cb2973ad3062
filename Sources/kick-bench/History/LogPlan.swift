import Crypto
import Model

/// Whose logs there are, and how much is in them: one tenant has 15 % of all events, the others shares that fall off
/// with the square root of their number.
struct LogPlan: Sendable {
    struct Tenant: Sendable {
        let id: TenantID
        /// From 1.
        let number: Int64
        let events: Int64
        let broadcasters: Int64

        /// Kick's number of a broadcaster, counted from 0.
        func broadcaster(_ index: Int64) -> Int64 { number * 1000 + index }
    }

    static let days = 30
    static let tenantCount = 200

    let tenants: [Tenant]
    /// The tenant with most events.
    var largest: Tenant { tenants[0] }
    var eventCount: Int64 { tenants.reduce(0) { $0 + $1.events } }

    init(events: Int) {
        let first = Int64(events) * 15 / 100
        let weights = (2...Self.tenantCount).map { 1 / Double($0).squareRoot() }
        let unit = Double(Int64(events) - first) / weights.reduce(0, +)
        let rest = weights.map { max(Int64(Self.days), Int64($0 * unit)) }
        tenants = ([first] + rest).enumerated().map { index, events in
            let number = Int64(index + 1)
            return Tenant(
                id: TenantID(unchecked: TenantID.prefix + ULID.make().description), number: number, events: events,
                broadcasters: number == 1 ? 20 : 1 + number % 8)
        }
    }
}
