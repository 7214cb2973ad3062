import Crypto

/// A row of `encryption_keys`.
struct StoredKey: Sendable {
    let id: String
    /// The data key, sealed under a key of the environment. Nil when the row stands for a key that is in the environment
    /// itself, from before there were data keys.
    let wrapped: [UInt8]?

    /// The environment's key without which this one cannot be had; nil when the bytes are damaged.
    var master: String? { wrapped.map(Sealer.keyID(of:)) ?? id }
}

/// The keys of the environment: they wrap data keys, and seal nothing else.
struct Masters: Sendable {
    /// The first key writes.
    private let wrapper: Sealer
    private let keys: [String: SealingKey]

    init(_ keys: [SealingKey]) throws(CryptoError) {
        wrapper = try Sealer(keys: keys)
        self.keys = Dictionary(keys.map { ($0.id, $0) }, uniquingKeysWith: { key, _ in key })
    }

    /// The id of the one that wraps.
    var wrappingKeyID: String { wrapper.writingKeyID }

    /// All ids, sorted.
    var ids: [String] { wrapper.keyIDs }

    func wrap(_ key: SealingKey) -> [UInt8] {
        wrapper.seal(key.revealBytes(), for: Self.context(key.id))
    }

    /// The key that the row holds or stands for.
    func open(_ stored: StoredKey) throws(VaultError) -> SealingKey {
        guard let wrapped = stored.wrapped else {
            guard let key = keys[stored.id] else { throw .missing(keys: [stored.id]) }
            return key
        }
        do throws(CryptoError) {
            return try SealingKey(id: stored.id, bytes: wrapper.open(wrapped, for: Self.context(stored.id)))
        } catch .unknownKey(let id) {
            throw .missing(keys: [id])
        } catch {
            throw .doesNotOpen(key: stored.id, under: Sealer.keyID(of: wrapped) ?? "?")
        }
    }

    private static func context(_ id: String) -> SealingContext {
        SealingContext(table: "encryption_keys", tenant: "", row: id, column: "key")
    }
}
