import Model
import Postgres

extension Site {
    /// How often Kick was asked for a type of a broadcaster, ever.
    func askedSubscriptions() async throws -> Int {
        let rows = try await database.query(
            "SELECT coalesce(sum(total_requests), 0)::bigint AS asked FROM kick_subscriptions")
        return Int(try rows[0]["asked", as: Int64.self])
    }

    /// What the gateway believes of the subscriptions: how many are in each state.
    func subscriptionStates() async throws -> [String: Int] {
        let rows = try await database.query("SELECT state, count(*) AS count FROM kick_subscriptions GROUP BY state")
        var states: [String: Int] = [:]
        for row in rows { states[try row["state", as: String.self]] = Int(try row["count", as: Int64.self]) }
        return states
    }

    /// As a tenant's `PUT /v1/broadcasters/{id}/subscriptions` with no types.
    func wishForNothing(_ broadcasters: [Int64]) async throws {
        try await database.execute(
            "UPDATE logins SET wanted_types = '{}' WHERE kick_user_id = ANY (\(broadcasters))")
    }
}
