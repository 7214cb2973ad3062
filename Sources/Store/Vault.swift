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

    private struct State {
        /// Nil until the keys were loaded once.
        var sealer: Sealer?
        /// The keys in the sealer, the one that writes first.
        var keys: [SealingKey] = []
        /// Ids among them that the table has no more. They open until the next load: a row may have been read just before
        /// it was re-sealed.
        var leaving: Set<String> = []
        /// The load that runs, or ran last, and the one that begins after it.
        var running: Task<Void, any Error>?
        var queued: Task<Void, any Error>?
        /// Keys that a load did not bring, and when it did not.
        var soughtInVain: [String: ContinuousClock.Instant] = [:]
        /// The trouble that was reported last.
        var trouble: VaultError?
    }

    /// How long a key that a load did not bring is not looked for again.
    private static let pauseAfterVainLoad = Duration.seconds(5)
    private static let report = Log("vault")

    private let state = Mutex(State())
    let masters: Masters
    let database: Database

    /// - Parameter masterKeys: the environment's ring; the first one wraps.
    package init(database: Database, masterKeys: [SealingKey]) throws(CryptoError) {
        self.database = database
        masters = try Masters(masterKeys)
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
        } catch .unknownKey(let id) {
            guard !wasSoughtInVain(id) else { throw CryptoError.unknownKey(id: id) }
            try await load()
            do throws(CryptoError) {
                return try current.openText(sealed, for: context)
            } catch .unknownKey(let id) {
                remember(soughtInVain: id)
                throw CryptoError.unknownKey(id: id)
            }
        }
    }

    /// Runs a write that seals; a second time, with what is sealed anew, when the key that sealed it was retired before
    /// this process heard of it.
    func writing<R>(_ body: () async throws -> R) async throws -> R {
        do {
            return try await body()
        } catch let error as DatabaseError where error.isRetiredKey {
            try await load()
            return try await body()
        }
    }

    private var current: Sealer {
        guard let sealer = state.withLock({ $0.sealer }) else {
            preconditionFailure("the vault is used before it is loaded")
        }
        return sealer
    }

    // MARK: Loading

    /// Reads the keys; makes the first one. To be called before anything else, and when ``channel`` says so.
    ///
    /// The first time it throws ``VaultError`` when a key cannot be opened with what the environment holds. Later such a
    /// key is reported and left out: what is sealed under the others goes on. Whoever calls while a load runs gets the
    /// result of the one after it, which all who wait share.
    package func load() async throws {
        let load = state.withLock { state in
            if let queued = state.queued { return queued }
            let running = state.running
            // Nobody's child: whoever asked first may hang up, and the others wait on. On no loop of its own: this room knows
            // none, and the database goes to one by itself.
            let load = Task {
                _ = await running?.result
                self.state.withLock { state in
                    state.running = state.queued
                    state.queued = nil
                }
                try await readRing()
            }
            state.queued = load
            return load
        }
        try await load.value
    }

    private func readRing() async throws {
        let isFirst = state.withLock { $0.sealer == nil }
        var stored = try await storedKeys()
        var (opened, trouble) = open(stored)
        if isFirst {
            // Before anything is written: a start with the wrong environment must not leave a key of it behind.
            if let trouble { throw trouble }
            try await checkMastersOfRows(stored)
        }
        if !stored.contains(where: { $0.wrapped != nil }) {
            try await addKey(onlyFirst: true)
            stored = try await storedKeys()
            (opened, trouble) = open(stored)
            if isFirst, let trouble { throw trouble }
        }
        try replace(with: opened, stored: stored.map(\.id), trouble: trouble)
    }

    private func open(_ stored: [StoredKey]) -> (opened: [SealingKey], trouble: VaultError?) {
        var opened: [SealingKey] = []
        var troubles: [VaultError] = []
        for key in stored {
            do throws(VaultError) {
                opened.append(try masters.open(key))
            } catch {
                troubles.append(error)
            }
        }
        return (opened, VaultError.worst(of: troubles))
    }

    private func replace(with opened: [SealingKey], stored: [String], trouble: VaultError?) throws(CryptoError) {
        let isNews = try state.withLock { state throws(CryptoError) in
            let known = Dictionary(state.keys.map { ($0.id, $0) }, uniquingKeysWith: { key, _ in key })
            let fresh = Dictionary(opened.map { ($0.id, $0) }, uniquingKeysWith: { key, _ in key })
            // In the table's order. One that does not open any more, for want of its master, is still at hand.
            var keys = stored.compactMap { fresh[$0] ?? known[$0] }
            let gone = state.keys.filter { !stored.contains($0.id) && !state.leaving.contains($0.id) }
            guard !keys.isEmpty || !gone.isEmpty else { return false }
            keys += gone
            state.sealer = try Sealer(keys: keys)
            state.keys = keys
            state.leaving = Set(gone.map(\.id))
            state.soughtInVain = state.soughtInVain.filter { fresh[$0.key] == nil }
            defer { state.trouble = trouble }
            return trouble != nil && trouble != state.trouble
        }
        if isNews, let trouble {
            Self.report.error("a data key cannot be used here", ["error": .text(trouble)])
        }
    }

    private func wasSoughtInVain(_ id: String) -> Bool {
        state.withLock { $0.soughtInVain[id].map { $0 + Self.pauseAfterVainLoad > .now } ?? false }
    }

    private func remember(soughtInVain id: String) {
        state.withLock { state in
            if state.soughtInVain.count >= 100 { state.soughtInVain = [:] }
            state.soughtInVain[id] = .now
        }
    }
}

extension DatabaseError {
    /// Whether a row could not be written because the key that sealed it is not there any more.
    package var isRetiredKey: Bool {
        sqlState == .foreignKeyViolation && constraint?.hasSuffix("_key_id_fkey") == true
    }
}
