import ProcessKit

/// What stood under each number of each tenant's log, as the first reader saw it. Loop-bound, like its readers.
final class StreamLedger {
    /// By tenant, then by number. 0: nobody has seen it.
    private var digests: [[UInt64]]

    init(tenants: Int) {
        digests = [[UInt64]](repeating: [], count: tenants)
    }

    /// Whether the number holds this for everybody; the first who asks decides.
    func agrees(_ digest: UInt64, at sequence: Int64, in tenant: Int) -> Bool {
        let index = Int(sequence)
        guard index > 0, index < 100_000_000 else { return false }
        if digests[tenant].count <= index {
            digests[tenant] += [UInt64](repeating: 0, count: max(index + 1 - digests[tenant].count, 256))
        }
        if digests[tenant][index] == 0 { digests[tenant][index] = digest }
        return digests[tenant][index] == digest
    }

    func digests(of tenant: Int) -> [UInt64] { digests[tenant] }
}

/// Tells message ids with their payloads apart: 64 bits, never 0.
struct EventDigest {
    private var state: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        for index in bytes.indices {
            state = unsafe (state ^ UInt64(bytes[index])) &* 0x100_0000_01b3
        }
    }

    var value: UInt64 { max(1, state) }

    static func of(messageID: String, payload: [UInt8]) -> UInt64 {
        var digest = EventDigest()
        unsafe Array(messageID.utf8).withUnsafeBytes { unsafe digest.add($0) }
        unsafe payload.withUnsafeBytes { unsafe digest.add($0) }
        return digest.value
    }
}

/// The parts of a `data` line that matter, as ``API/EventEncoding`` writes it.
struct EventLine {
    /// Of message id and payload.
    let digest: UInt64
    /// Number of the webhook; nil for what is none of the run's.
    let webhook: Int?
    /// Whether it had happened before the stream was opened.
    let isHistory: Bool

    /// Nil when the line does not look like an event.
    init?(_ line: UnsafeRawBufferPointer) {
        let idMark: StaticString = #""id":""#
        let payloadMark: StaticString = #","payload":"#
        guard let idMatch = unsafe line.firstOffset(of: idMark) else { return nil }
        let idStart = idMatch + idMark.utf8CodeUnitCount
        guard let idLength = unsafe line[idStart...].firstIndex(of: UInt8(ascii: "\"")).map({ $0 - idStart }),
            let payloadMatch = unsafe line.firstOffset(of: payloadMark), payloadMatch > idStart
        else { return nil }
        let id = unsafe UnsafeRawBufferPointer(rebasing: line[idStart..<idStart + idLength])
        let head = unsafe UnsafeRawBufferPointer(rebasing: line[..<payloadMatch])
        // The object's own brace stands behind the payload.
        let payload = unsafe UnsafeRawBufferPointer(
            rebasing: line[(payloadMatch + payloadMark.utf8CodeUnitCount)..<(line.count - 1)])
        var digest = EventDigest()
        unsafe digest.add(id)
        unsafe digest.add(payload)
        self.digest = digest.value
        isHistory = unsafe head.firstOffset(of: #""replayed":true"#) != nil
        webhook = unsafe Webhook.index(in: id)
    }
}

extension UnsafeRawBufferPointer {
    func equals(_ text: StaticString) -> Bool {
        unsafe count == text.utf8CodeUnitCount && firstOffset(of: text) == 0
    }
}
