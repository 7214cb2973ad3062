package import Crypto
import Postgres

/// A column that holds something sealed: where its rows are, and what they were sealed for.
///
/// A new one is a line in ``all``, and beside it in a migration `<name>_sealed bytea` with the generated column
/// `<name>_key_id text … REFERENCES encryption_keys (id)`.
package struct SealedColumn: Sendable {
    package static let all = [
        SealedColumn("apps", key: .text("id"), "client_secret"),
        SealedColumn("logins", key: .text("id"), tenant: "tenant_id", "access_token"),
        SealedColumn("logins", key: .text("id"), tenant: "tenant_id", "refresh_token"),
        // The ciphertext that stood in the column of the present one.
        SealedColumn(
            "logins", key: .text("id"), tenant: "tenant_id", "previous_refresh_token", sealedAs: "refresh_token"),
        SealedColumn("login_attempts", key: .bytes("state_hash"), tenant: "tenant_id", "verifier"),
        SealedColumn("app_tokens", key: .text("app_id"), "token"),
        SealedColumn("idempotency_records", key: .text("id"), tenant: "tenant_id", "answer"),
    ]

    /// The primary key: one column, which names the row.
    enum Key: Sendable {
        case text(String)
        /// A row is named by the bytes in hexadecimal.
        case bytes(String)
    }

    package let table: String
    package let name: String
    private let key: Key
    private let tenant: String?
    private let sealedAs: String

    private init(_ table: String, key: Key, tenant: String? = nil, _ name: String, sealedAs: String? = nil) {
        self.table = table
        self.name = name
        self.key = key
        self.tenant = tenant
        self.sealedAs = sealedAs ?? name
    }

    /// `logins.access_token`.
    package var place: String { "\(table).\(name)" }

    /// What a row's value is sealed for.
    package func context(row: String, tenant: String) -> SealingContext {
        SealingContext(table: table, tenant: tenant, row: row, column: sealedAs)
    }

    // MARK: SQL

    var sealed: String { "\(table).\(name)_sealed" }
    var keyID: String { "\(table).\(name)_key_id" }

    /// The column that is the primary key.
    var keyColumn: String {
        switch key {
        case .text(let column), .bytes(let column): "\(table).\(column)"
        }
    }

    /// The row's name as text.
    var rowName: String {
        switch key {
        case .text: keyColumn
        case .bytes: "encode(\(keyColumn), 'hex')"
        }
    }

    /// The row's tenant as text; empty for what belongs to the deployment.
    var tenantName: String { tenant.map { "\(table).\($0)" } ?? "''" }

    /// The primary key from a row's name.
    func key(from name: Query) -> Query {
        switch key {
        case .text: name
        case .bytes: "decode(\(name), 'hex')"
        }
    }
}
