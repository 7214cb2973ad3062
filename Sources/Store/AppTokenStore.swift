import Crypto
package import Model
package import Postgres
package import Telemetry

/// An app's access token as all replicas share it.
package struct StoredAppToken: Sendable {
    package let token: Secret<String>
    /// Number of this token: every one that is stored raises it.
    package let generation: Int64
    /// Life that is left; zero or less when it is over.
    package let life: Duration
}

/// The right to fetch an app's next token.
package struct AppTokenLease: Sendable {
    package let app: AppID
    /// Number of the token that is to be replaced; 0 when there was none.
    package let generation: Int64
    package let until: Timestamp
}

/// The apps' access tokens: one per app, sealed. Times are the database's.
package struct AppTokenStore: Sendable {
    /// What came of the wish to fetch.
    package enum Claim: Sendable {
        case leased(AppTokenLease)
        /// Another process is at it.
        case taken
        /// There is another token by now.
        case renewed
    }

    private let database: Database
    private let vault: Vault
    private static let report = Log("apps")

    package init(database: Database, vault: Vault) {
        self.database = database
        self.vault = vault
    }

    /// The number of the app's token, 0 when there never was one; and the token itself, unless it does not open.
    package func current(of app: AppID) async throws -> (generation: Int64, token: StoredAppToken?) {
        let rows = try await database.query(
            """
            SELECT token_sealed, generation,
                coalesce((extract(epoch FROM expires_at - now()) * 1e6)::bigint, 0) AS microseconds
            FROM app_tokens WHERE app_id = \(app)
            """)
        guard let row = rows.first else { return (0, nil) }
        let generation = try row["generation", as: Int64.self]
        guard let sealed = try row["token_sealed", as: [UInt8]?.self] else { return (generation, nil) }
        do {
            let token = StoredAppToken(
                token: Secret(try await vault.open(sealed, for: Self.context(app))), generation: generation,
                life: .microseconds(try row["microseconds", as: Int64.self]))
            return (generation, token)
        } catch let error as CryptoError {
            // Nothing is lost: Kick gives another one.
            Self.report.warning("an app's token does not open", ["app": .text(app), "error": .text(error)])
            return (generation, nil)
        }
    }

    /// Takes the lease to replace the token of that number. Whoever holds it and dies is waited for until it runs out.
    package func claim(
        _ app: AppID, generation: Int64, lease duration: Duration
    ) async throws(DatabaseError) -> Claim {
        let results = try await database.pipeline([
            "INSERT INTO app_tokens (app_id) SELECT id FROM apps WHERE id = \(app) ON CONFLICT DO NOTHING",
            """
            UPDATE app_tokens SET lease_until = clock_timestamp() + \(duration)
            WHERE app_id = \(app) AND generation = \(generation)
                AND (lease_until IS NULL OR lease_until < clock_timestamp())
            RETURNING lease_until
            """,
            "SELECT generation FROM app_tokens WHERE app_id = \(app)",
        ])
        if let row = results[1].first {
            return .leased(
                AppTokenLease(app: app, generation: generation, until: try row["lease_until", as: Timestamp.self]))
        }
        guard let row = results[2].first else { return .taken }
        return try row["generation", as: Int64.self] == generation ? .taken : .renewed
    }

    /// Stores the next token and ends the lease. Nil when there is another one than the one that was to be replaced.
    package func store(
        _ token: Secret<String>, lifetime: Duration, for lease: AppTokenLease
    ) async throws -> StoredAppToken? {
        try await vault.writing {
            let sealed = vault.seal(token.reveal(), for: Self.context(lease.app))
            let rows = try await database.query(
                """
                UPDATE app_tokens SET token_sealed = \(sealed), expires_at = now() + \(lifetime),
                    generation = generation + 1, lease_until = NULL
                WHERE app_id = \(lease.app) AND generation = \(lease.generation)
                RETURNING generation
                """)
            guard let row = rows.first else { return nil }
            return StoredAppToken(token: token, generation: try row["generation", as: Int64.self], life: lifetime)
        }
    }

    /// Ends a lease without a token, so that the next one need not wait for its end.
    package func release(_ lease: AppTokenLease) async throws(DatabaseError) {
        try await database.execute(
            """
            UPDATE app_tokens SET lease_until = NULL
            WHERE app_id = \(lease.app) AND generation = \(lease.generation) AND lease_until = \(lease.until)
            """)
    }

    private static func context(_ app: AppID) -> SealingContext {
        SealingContext(table: "app_tokens", tenant: "", row: app.text, column: "token")
    }
}
