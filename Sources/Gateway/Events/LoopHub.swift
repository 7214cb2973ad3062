import Model
import Net

/// An event as it goes to every reader: encoded once.
struct EncodedEvent: Sendable {
    let sequence: Int64
    let type: String
    let broadcasterUserID: Int64
    /// Whether it repeats a fact that was streamed already (P9): it counts, and is not shown.
    let isHidden: Bool
    let bytes: SharedBytes
}

/// The readers of one loop, by tenant. Loop-bound: its loop alone calls it.
final class LoopHub: @unchecked Sendable {
    private struct Tenant {
        var readers: [StreamReader] = []
        /// The last event that was delivered to this loop; 0 before the first.
        var delivered: Int64 = 0
    }

    let loop: Loop
    private var tenants: [TenantID: Tenant] = [:]

    init(loop: Loop) {
        self.loop = loop
    }

    func add(_ reader: StreamReader) {
        loop.preconditionOnLoop()
        reader.hubIndex = tenants[reader.request.tenant]?.readers.count ?? 0
        tenants[reader.request.tenant, default: Tenant()].readers.append(reader)
    }

    /// Takes the reader off its list, where the last one takes its place; false when it was off already.
    func remove(_ reader: StreamReader) -> Bool {
        loop.preconditionOnLoop()
        let (id, index) = (reader.request.tenant, reader.hubIndex)
        guard index >= 0, let last = tenants[id]?.readers.popLast() else { return false }
        reader.hubIndex = -1
        if last !== reader {
            tenants[id]?.readers[index] = last
            last.hubIndex = index
        } else if index == 0 {
            tenants[id] = nil
        }
        return true
    }

    /// The last event that this loop's readers were given; 0 before the first.
    func delivered(in tenant: TenantID) -> Int64 {
        tenants[tenant]?.delivered ?? 0
    }

    /// Hands events to every reader of the tenant. Runs once per loop and batch, whatever the number of readers.
    func deliver(_ events: [EncodedEvent], in tenant: TenantID) {
        loop.preconditionOnLoop()
        guard let last = events.last, let readers = note(last.sequence, in: tenant) else { return }
        for reader in readers { reader.deliver(events) }
    }

    /// The log has grown to `sequence`, and nobody has read the events for this loop: each reader fetches its own.
    func advance(to sequence: Int64, in tenant: TenantID) {
        loop.preconditionOnLoop()
        guard let readers = note(sequence, in: tenant) else { return }
        for reader in readers { reader.advance(to: sequence) }
    }

    private func note(_ sequence: Int64, in tenant: TenantID) -> [StreamReader]? {
        guard let known = tenants[tenant] else { return nil }
        tenants[tenant]?.delivered = max(known.delivered, sequence)
        return known.readers
    }

    /// Ends the streams of these keys (P15).
    func endStreams(of keys: Set<KeyID>) {
        loop.preconditionOnLoop()
        let ending = tenants.values.flatMap(\.readers).filter { keys.contains($0.request.key) }
        for reader in ending { reader.end(.credential) }
    }
}
