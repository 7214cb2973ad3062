import CPostgres
import Glibc
import Telemetry

/// libpq's connection, as far as this room calls it: each member is one function of libpq, with Swift's types.
///
/// All pointers are in here. It is a reference to be freed with ``finish()``, once, by its owner.
@safe
struct LibPQ {
    private let connection: OpaquePointer

    /// Begins to connect without blocking; nil when there is no memory.
    init?(starting parameters: [String: String]) {
        var strings: [UnsafeMutablePointer<CChar>?] = unsafe []
        for (keyword, value) in parameters {
            unsafe strings.append(strdup(keyword))
            unsafe strings.append(strdup(value))
        }
        defer { unsafe strings.forEach { unsafe free($0) } }
        var keywords: [UnsafePointer<CChar>?] = unsafe []
        var values: [UnsafePointer<CChar>?] = unsafe []
        for index in stride(from: 0, to: 2 * parameters.count, by: 2) {
            unsafe keywords.append(UnsafePointer(strings[index]))
            unsafe values.append(UnsafePointer(strings[index + 1]))
        }
        unsafe keywords.append(nil)
        unsafe values.append(nil)
        guard let connection = unsafe PQconnectStartParams(keywords, values, 0) else { return nil }
        unsafe self.connection = unsafe connection
        // Notices go to standard error otherwise. They can quote data, hence debug only.
        _ = unsafe PQsetNoticeProcessor(
            connection,
            { _, text in
                guard let text = unsafe text else { return }
                Log("postgres").debug("notice", ["text": .string(unsafe String(cString: text))])
            }, nil)
    }

    func finish() { unsafe PQfinish(connection) }

    func pollConnect() -> PostgresPollingStatusType { unsafe PQconnectPoll(connection) }

    /// Its descriptor, which may change while connecting; -1 without one.
    var socket: Int32 { unsafe PQsocket(connection) }

    var isConnected: Bool { unsafe PQstatus(connection) == CONNECTION_OK }
    var isBad: Bool { unsafe PQstatus(connection) == CONNECTION_BAD }
    var isInTransaction: Bool { unsafe PQtransactionStatus(connection) != PQTRANS_IDLE }

    /// The last error, on one line.
    var message: String {
        guard let text = unsafe PQerrorMessage(connection) else { return "" }
        return unsafe String(cString: text).split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// A handle to stop what runs, usable from any thread.
    var cancelHandle: CancelHandle? { unsafe PQgetCancel(connection).map { unsafe CancelHandle($0) } }

    // MARK: Bytes

    func makeNonBlocking() -> Bool { unsafe PQsetnonblocking(connection, 1) == 0 }

    /// Takes in what has arrived. False when the connection is gone.
    func consumeInput() -> Bool { unsafe PQconsumeInput(connection) == 1 }

    /// Whether the next result is still incomplete.
    var isBusy: Bool { unsafe PQisBusy(connection) == 1 }

    /// Writes: 0 when everything is out, 1 when some is left, -1 when the connection is gone.
    func flush() -> Int32 { unsafe PQflush(connection) }

    /// Nil ends the results of a command.
    func nextResult() -> QueryResult? { unsafe PQgetResult(connection).map { unsafe QueryResult(taking: $0) } }

    func nextNotification() -> Notification? {
        guard let raw = unsafe PQnotifies(connection) else { return nil }
        defer { unsafe PQfreemem(raw) }
        return unsafe Notification(
            channel: String(cString: raw.pointee.relname), payload: String(cString: raw.pointee.extra))
    }

    /// What a look at the socket says, without reading: something is there, nothing is, or the end.
    enum Arrival { case nothing, something, end }

    var arrival: Arrival {
        var byte: UInt8 = 0
        let count = unsafe recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
        if count > 0 { return .something }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .end
    }

    // MARK: Commands; false when the connection is gone

    func enterPipelineMode() -> Bool { unsafe PQenterPipelineMode(connection) == 1 }
    func exitPipelineMode() -> Bool { unsafe PQexitPipelineMode(connection) == 1 }
    func sendSync() -> Bool { unsafe PQpipelineSync(connection) == 1 }
    func send(script: String) -> Bool { unsafe PQsendQuery(connection, script) == 1 }

    func sendWithoutPreparing(_ sql: String) -> Bool {
        unsafe PQsendQueryParams(connection, sql, 0, nil, nil, nil, nil, 0) == 1
    }

    func sendPrepare(_ name: String, _ sql: String, _ types: [DataType]) -> Bool {
        unsafe PQsendPrepare(connection, name, sql, Int32(types.count), types.map(\.oid)) == 1
    }

    /// Parameters and results in binary format.
    func sendExecute(_ name: String, _ query: Query) -> Bool {
        guard !query.slots.isEmpty else {
            return unsafe PQsendQueryPrepared(connection, name, 0, nil, nil, nil, 1) == 1
        }
        // An empty buffer has no address, but an empty value needs one: a null pointer would be NULL.
        let bytes = query.bytes.isEmpty ? [0] : query.bytes
        let lengths = query.slots.map { Int32(clamping: max(0, $0.length)) }
        let formats = [Int32](repeating: 1, count: lengths.count)
        return unsafe bytes.withUnsafeBytes { bytes in
            let base = unsafe bytes.baseAddress!.assumingMemoryBound(to: CChar.self)
            let values = unsafe query.slots.map { slot -> UnsafePointer<CChar>? in
                unsafe slot.length < 0 ? nil : base + slot.offset
            }
            return unsafe PQsendQueryPrepared(
                connection, name, Int32(lengths.count), values, lengths, formats, 1) == 1
        }
    }
}

/// What it takes to ask the server to stop a statement. Immutable, hence usable from any thread.
@safe
final class CancelHandle: @unchecked Sendable {
    private let handle: OpaquePointer

    fileprivate init(_ handle: OpaquePointer) {
        unsafe self.handle = unsafe handle
    }

    deinit { unsafe PQfreeCancel(handle) }

    /// Connects, asks, and waits for the answer. Blocks.
    func send() {
        var reason = [CChar](repeating: 0, count: 256)
        _ = unsafe PQcancel(handle, &reason, Int32(reason.count))
    }
}
