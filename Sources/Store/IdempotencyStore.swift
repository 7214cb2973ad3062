import Crypto
package import Model
package import Postgres

/// Which requests with an `Idempotency-Key` are under way, and what was answered to those that are over. Keys of different
/// tenants never meet (P14), and answers are sealed (P6).
package struct IdempotencyStore: Sendable {
    /// The right to carry out a request, and the duty to end it.
    package struct Claim: Sendable {
        fileprivate let id: String
        fileprivate let tenant: TenantID
    }

    /// What a claim finds.
    package enum Finding: Sendable {
        /// Nobody has had this key, or what it stood for may be carried out again.
        case claimed(Claim)
        case answered(KeptAnswer)
        /// Somebody is at it.
        case running
        /// Whoever was at it has not ended it in time.
        case abandoned
        /// The key stands for another request.
        case otherRequest
    }

    private let database: Database
    private let vault: Vault

    package init(database: Database, vault: Vault) {
        self.database = database
        self.vault = vault
    }

    // MARK: Claiming

    /// Claims the key for a request. Of all who claim it at the same time, on whatever replica, one gets it.
    ///
    /// - Parameters:
    ///   - isRepeatable: whether the request may be carried out again when whoever was at it did not end it.
    ///   - lease: how long it may take to end it.
    ///   - lifetime: how long the key stands for this request.
    package func claim(
        keyHash: [UInt8], fingerprint: [UInt8], isRepeatable: Bool, lease: Duration, lifetime: Duration,
        in tenant: TenantID
    ) async throws -> Finding {
        let claim = Claim(id: "idem_" + ULID.make().description, tenant: tenant)
        let queries = Self.claiming(
            claim, keyHash: keyHash, fingerprint: fingerprint, isRepeatable: isRepeatable, lease: lease,
            lifetime: lifetime)
        // A record may be given up between the two statements; then the key is free.
        for _ in 0..<3 {
            let results = try await run(queries, for: claim)
            if !results[0].isEmpty { return .claimed(claim) }
            if let row = results[1].first { return try await finding(row, fingerprint: fingerprint, in: tenant) }
        }
        return .running
    }

    private static func claiming(
        _ claim: Claim, keyHash: [UInt8], fingerprint: [UInt8], isRepeatable: Bool, lease: Duration,
        lifetime: Duration
    ) -> [Query] {
        [
            """
            INSERT INTO idempotency_records AS record (id, tenant_id, key_hash, fingerprint, lease_until, expires_at)
            VALUES (
                \(claim.id), \(claim.tenant), \(keyHash), \(fingerprint), now() + \(lease), now() + \(lifetime))
            ON CONFLICT (tenant_id, key_hash) DO UPDATE SET
                id = EXCLUDED.id, fingerprint = EXCLUDED.fingerprint, state = 'running',
                lease_until = EXCLUDED.lease_until, status = NULL, answer_sealed = NULL, created_at = now(),
                expires_at = EXCLUDED.expires_at
            WHERE record.expires_at <= now() OR (
                record.state = 'running' AND record.lease_until <= now()
                AND record.fingerprint = EXCLUDED.fingerprint AND \(isRepeatable))
            RETURNING id
            """,
            """
            SELECT id, fingerprint, status, answer_sealed, lease_until > now() AS is_leased FROM idempotency_records
            WHERE tenant_id = \(claim.tenant) AND key_hash = \(keyHash)
            """,
        ]
    }

    private func run(_ queries: [Query], for claim: Claim) async throws -> [Rows] {
        do {
            return try await database.pipeline(queries)
        } catch let error where error.outcomeIsUnknown {
            // Nobody will carry it out, so nobody should wait for it.
            try? await release(claim)
            throw error
        }
    }

    private func finding(_ row: Row, fingerprint: [UInt8], in tenant: TenantID) async throws -> Finding {
        guard try row["fingerprint", as: [UInt8].self] == fingerprint else { return .otherRequest }
        if let status = try row["status", as: Int?.self] {
            let text = try await vault.open(
                try row["answer_sealed", as: [UInt8].self],
                for: Self.context(row: try row["id", as: String.self], in: tenant))
            return .answered(KeptAnswer(status: status, text: text))
        }
        return try row["is_leased", as: Bool.self] ? .running : .abandoned
    }

    // MARK: Ending

    /// Keeps the answer, for whoever comes with the same key. False when the claim was taken over.
    package func finish(_ claim: Claim, with answer: KeptAnswer) async throws -> Bool {
        try await vault.writing {
            let sealed = vault.seal(answer.text, for: Self.context(row: claim.id, in: claim.tenant))
            return try await database.execute(
                """
                UPDATE idempotency_records SET state = 'done', status = \(answer.status), answer_sealed = \(sealed)
                WHERE id = \(claim.id) AND tenant_id = \(claim.tenant) AND state = 'running'
                """) == 1
        }
    }

    /// Frees the key: nothing happened, and the same request may come again. Harmless when the claim was taken over.
    package func release(_ claim: Claim) async throws(DatabaseError) {
        try await database.execute(
            """
            DELETE FROM idempotency_records
            WHERE id = \(claim.id) AND tenant_id = \(claim.tenant) AND state = 'running'
            """)
    }

    /// Removes records that are over, the oldest first, at most `limit`; returns how many.
    package func removeExpired(limit: Int) async throws(DatabaseError) -> Int {
        try await database.execute(
            """
            DELETE FROM idempotency_records WHERE id IN (
                SELECT id FROM idempotency_records WHERE expires_at <= now()
                ORDER BY expires_at LIMIT \(limit) FOR UPDATE SKIP LOCKED)
            """)
    }

    private static func context(row: String, in tenant: TenantID) -> SealingContext {
        SealingContext(table: "idempotency_records", tenant: tenant.text, row: row, column: "answer")
    }
}
