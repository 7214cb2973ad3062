package import Crypto
import Model
package import Postgres
import Synchronization
import Telemetry

/// Seals what is stored and opens it again (P6), with data keys that lie in the database, wrapped by the environment's
/// (docs/decisions/0005-envelope-encryption.md).
///
/// The newest data key writes, on every replica as soon as it hears of it; every key that is there opens.
package final class Vault: Sendable {
    /// Announces that the table of keys has changed.
    package static let channel = "encryption_keys"

    /// The data keys as last read. Never empty once ``load()`` has returned.
    private let ring = Mutex<Sealer?>(nil)
    private let masters: [String: SealingKey]
    let wrapper: Sealer
    let database: Database

    /// - Parameter masterKeys: the environment's ring; the first one wraps.
    package init(database: Database, masterKeys: [SealingKey]) throws(CryptoError) {
        self.database = database
        wrapper = try Sealer(keys: masterKeys)
        masters = Dictionary(uniqueKeysWithValues: masterKeys.map { ($0.id, $0) })
    }

    // MARK: Keys

    /// Reads the keys; makes the first one. To be called before anything else, and when ``channel`` says so.
    ///
    /// Throws ``VaultError`` when one of them cannot be opened with what the environment holds.
    package func load() async throws {
        var keys = try await readKeys()
        if !keys.contains(where: \.isWrapped) {
            try await addKey()
            keys = try await readKeys()
        }
        // Wrapped ones first: a key of the environment itself only opens what is left from older versions.
        let sealer = try Sealer(keys: keys.filter(\.isWrapped).map(\.key) + keys.filter { !$0.isWrapped }.map(\.key))
        ring.withLock { $0 = sealer }
    }

    /// Adds a data key, which writes from now on. Returns its id.
    @discardableResult
    package func addKey() async throws -> String {
        let key = try SealingKey.random(id: "dk_" + ULID.make().description)
        let wrapped = wrapper.seal(key.revealBytes(), for: Self.context(key.id))
        _ = try await database.pipeline([
            "INSERT INTO encryption_keys (id, wrapped_key, created_at) VALUES (\(key.id), \(wrapped), clock_timestamp())",
            "SELECT pg_notify(\(Self.channel), \(key.id))",
        ])
        return key.id
    }

    /// The id of the key that seals now.
    package var writingKeyID: String { current.writingKeyID }

    // MARK: Sealing

    /// Seals a text for its place, under the newest key.
    package func seal(_ text: String, for context: SealingContext) -> [UInt8] {
        current.seal(text, for: context)
    }

    /// Opens a text. A key that was added a moment ago, by another replica, is fetched. Throws `CryptoError` for what
    /// does not open, and `DatabaseError` when the keys cannot be read.
    package func open(_ sealed: [UInt8], for context: SealingContext) async throws -> String {
        do throws(CryptoError) {
            return try current.openText(sealed, for: context)
        } catch .unknownKey {
            try await load()
            return try current.openText(sealed, for: context)
        }
    }

    private var current: Sealer {
        guard let sealer = ring.withLock({ $0 }) else { preconditionFailure("the vault is used before it is loaded") }
        return sealer
    }

    // MARK: Reading keys

    private struct DataKey {
        let key: SealingKey
        let isWrapped: Bool
    }

    /// Newest first.
    private func readKeys() async throws -> [DataKey] {
        let rows = try await database.query(
            "SELECT id, wrapped_key FROM encryption_keys ORDER BY created_at DESC, id DESC")
        var missing: [String] = []
        var keys: [DataKey] = []
        for row in rows {
            let id = try row["id", as: String.self]
            guard let wrapped = try row["wrapped_key", as: [UInt8]?.self] else {
                if let master = masters[id] {
                    keys.append(DataKey(key: master, isWrapped: false))
                } else if !missing.contains(id) {
                    missing.append(id)
                }
                continue
            }
            do throws(CryptoError) {
                let bytes = try wrapper.open(wrapped, for: Self.context(id))
                keys.append(DataKey(key: try SealingKey(id: id, bytes: bytes), isWrapped: true))
            } catch .unknownKey(let master) {
                if !missing.contains(master) { missing.append(master) }
            } catch {
                throw VaultError.doesNotOpen(key: id, under: Sealer.keyID(of: wrapped) ?? "?")
            }
        }
        guard missing.isEmpty else { throw VaultError.missing(keys: missing.sorted()) }
        return keys
    }

    static func context(_ id: String) -> SealingContext {
        SealingContext(table: "encryption_keys", tenant: "", row: id, column: "key")
    }
}

/// Why stored data cannot be opened as a whole. For the operator; names key ids, never keys.
package enum VaultError: Error, Equatable, CustomStringConvertible {
    /// Data is sealed under these keys of the environment, and they are not there.
    case missing(keys: [String])
    /// The environment has a key of that name, but it is another one.
    case doesNotOpen(key: String, under: String)

    package var description: String {
        switch self {
        case .missing(let keys):
            let names = keys.map { "\"\($0)\"" }.joined(separator: ", ")
            return "GATEWAY_ENCRYPTION_KEYS lacks \(names): stored logins are sealed under it"
        case .doesNotOpen(let key, let master):
            return
                "the data key \(key) does not open: GATEWAY_ENCRYPTION_KEYS holds another key under the name \"\(master)\" "
                + "than the one that wrapped it"
        }
    }
}
