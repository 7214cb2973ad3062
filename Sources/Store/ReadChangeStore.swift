import Model
package import Postgres

/// Tells the other replicas what is no longer true of what they remember. Nothing is stored.
package struct ReadChangeStore: Sendable {
    /// PostgreSQL channel whose announcements name what has changed.
    package static let channel = "kick_gateway_reads"

    private let database: Database

    package init(database: Database) {
        self.database = database
    }

    /// - Parameter tags: short; an announcement takes less than 8,000 bytes.
    package func announce(_ tags: String) async throws(DatabaseError) {
        _ = try await database.query("SELECT pg_notify(\(Self.channel), \(tags)) IS NULL AS announced")
    }
}
