import Model
import Net
package import Store
import Synchronization
import Telemetry

/// The keys that seal what is stored, and how far re-sealing has come.
package struct KeyStatus: Sendable {
    /// Newest first.
    package let keys: [KeyRecord]
    /// The keys of this process's environment.
    package let environmentKeys: [EnvironmentKey]
    /// How many values are sealed, and how many of them under another key than the one that writes.
    package let total: Int
    package let remaining: Int
    /// How many of these do not open, so that nobody can re-seal them: as this process last found.
    package let unreadable: Int

    package struct EnvironmentKey: Sendable {
        package let id: String
        /// Whether it is the first one, which wraps new data keys.
        package let wraps: Bool
        /// Whether there are data keys that open with this one alone.
        package let isNeeded: Bool
    }

    /// Whether there is something to re-seal.
    package var isRunning: Bool { remaining > unreadable }
}

/// Changes the key that seals what is stored, while everything runs.
///
/// A new key writes at once on every replica. What lies under older ones is re-sealed in the background, by any of the
/// replicas: whoever looks takes up what it finds, so nothing has to be known of those that died.
package final class KeyRotation: Sendable {
    /// How the background work is paced.
    package struct Policy: Sendable {
        /// Rows in one transaction.
        package var batch = 100
        /// Between two batches this process rests as long as the last one took, within these bounds: it slows down with
        /// the database.
        package var rest: ClosedRange<Duration> = .milliseconds(5) ... .seconds(2)
        /// While another process is at it, or somebody is writing the rows that are left.
        package var pauseWhenBusy = Duration.milliseconds(250)
        /// How soon a new key is noticed here.
        package var interval = Duration.seconds(1)
        /// How often the keys are read again, and how often everything is looked through, without anybody saying so.
        package var reload = Duration.seconds(15)
        package var sweep = Duration.seconds(60)

        package init() {}
    }

    private struct State {
        /// The key under which everything was that could be, when it was last looked through.
        var settledKey: String?
        var unreadable = 0
        var sweepAt = Deadline(nanoseconds: 0)
        var reloadAt = Deadline(nanoseconds: 0)
    }

    private static let report = Log("vault")

    private let vault: Vault
    private let resealing: Resealing
    private let policy: Policy
    private let state = Mutex(State())

    package init(vault: Vault, resealing: Resealing, policy: Policy = Policy()) {
        self.vault = vault
        self.resealing = resealing
        self.policy = policy
    }

    // MARK: What an admin does

    package func status() async throws -> KeyStatus {
        let keys = try await vault.keys()
        let needed = Set(keys.map(\.wrappedBy))
        let remaining = keys.reduce(0) { $0 + ($1.writes ? 0 : $1.useCount) }
        return KeyStatus(
            keys: keys,
            environmentKeys: vault.masterIDs.map { id in
                KeyStatus.EnvironmentKey(
                    id: id, wraps: id == vault.wrappingMasterID, isNeeded: needed.contains(id))
            },
            total: keys.reduce(0) { $0 + $1.useCount }, remaining: remaining,
            unreadable: min(remaining, state.withLock { $0.unreadable }))
    }

    /// Adds a key, which writes at once, and wraps all keys under the environment's first. Throws `conflict` when the
    /// environment lacks what one of them needs.
    package func rotate() async throws -> KeyStatus {
        do {
            let id = try await vault.rotate()
            Self.report.notice("a new data key writes", ["key": .string(id)])
        } catch let error as VaultError {
            throw GatewayError(.conflict, "\(error)")
        }
        return try await status()
    }

    /// Deletes a key that nothing is sealed under. Throws `notFound`; and `conflict` when it is in use, with the counts,
    /// or writes.
    package func retire(_ id: String) async throws -> KeyStatus {
        switch try await vault.retire(id) {
        case .retired:
            Self.report.notice("a data key was retired", ["key": .string(id)])
            return try await status()
        case .unknown: throw GatewayError(.notFound, "there is no such encryption key")
        case .writes: throw GatewayError(.conflict, "this key writes: rotate first")
        case .inUse(let uses):
            let counts = uses.map { "\($0.column) \($0.count)" }.joined(separator: ", ")
            throw GatewayError(
                .conflict, "something is still sealed under this key" + (counts.isEmpty ? "" : ": \(counts)"))
        }
    }

    // MARK: Hearing of changes

    /// The table of keys has changed, or may have: reads it. When that fails it is tried again by ``run()``.
    package func reload() async {
        do {
            try await vault.load()
            state.withLock { $0.reloadAt = .after(policy.reload) }
        } catch {
            Self.report.warning("the encryption keys cannot be read", ["error": .string("\(error)")])
            state.withLock { $0.reloadAt = .after(policy.interval) }
        }
    }

    // MARK: Re-sealing

    /// Keeps the keys up to date and re-seals, until the task is cancelled. Every replica does so.
    package func run() async {
        while !Task.isCancelled {
            do {
                try await look()
            } catch {
                if !Task.isCancelled {
                    Self.report.warning("stored secrets are not re-sealed yet", ["error": .string("\(error)")])
                }
                try? await sleep(for: policy.interval * 5)
            }
            try? await sleep(for: policy.interval)
        }
    }

    /// Whether everything that could be was under the key that writes when this process last looked.
    var isSettled: Bool { state.withLock { $0.settledKey } == vault.writingKeyID }

    private func look() async throws {
        let (reloads, sweeps) = state.withLock { state in
            (state.reloadAt.hasPassed, state.sweepAt.hasPassed)
        }
        if reloads { await reload() }
        if sweeps || !isSettled { try await reseal() }
    }

    /// Re-seals whatever is not under the newest key, until there is nothing left that could be.
    func reseal() async throws {
        while true {
            var pass = Pass(key: vault.writingKeyID)
            for column in SealedColumn.all { try await reseal(column, &pass) }
            if pass.resealed > 0 {
                Self.report.info(
                    "stored secrets were re-sealed",
                    ["key": .string(pass.key), "count": .int(pass.resealed), "left": .int(pass.passedOver)])
            } else if pass.passedOver == 0, pass.key == vault.writingKeyID {
                return finish(pass)
            }
            try await sleep(for: pass.resealed > 0 ? policy.rest.lowerBound : policy.pauseWhenBusy)
        }
    }

    /// Once through everything.
    private struct Pass {
        var key = ""
        var resealed = 0
        var passedOver = 0
        var unreadable: [String] = []
    }

    private func reseal(_ column: SealedColumn, _ pass: inout Pass) async throws {
        var cursor: String? = ""
        while let position = cursor {
            let start = ContinuousClock.now
            guard let batch = try await resealing.batch(of: column, after: position, limit: policy.batch) else {
                try await sleep(for: policy.pauseWhenBusy)
                continue
            }
            pass.resealed += batch.resealed
            pass.passedOver += batch.passedOver
            pass.unreadable += batch.unreadable.map { "\(column.place) of \($0)" }
            cursor = batch.next
            if batch.resealed > 0 || batch.next != nil {
                try await sleep(for: min(max(.now - start, policy.rest.lowerBound), policy.rest.upperBound))
            }
        }
    }

    private func finish(_ pass: Pass) {
        let before = state.withLock { state in
            defer {
                state.settledKey = pass.key
                state.unreadable = pass.unreadable.count
                state.sweepAt = .after(policy.sweep)
            }
            return state.unreadable
        }
        guard !pass.unreadable.isEmpty, pass.unreadable.count != before else { return }
        Self.report.error(
            "stored secrets do not open and were left as they are",
            [
                "count": .int(pass.unreadable.count),
                "first": .string(pass.unreadable.prefix(5).joined(separator: ", ")),
            ])
    }
}
