import HTTP
package import Net

/// Writes a response's body piece by piece. Each write waits until the peer keeps up.
package struct BodyWriter: ~Copyable {
    private let connection: ServerConnection
    private let framing: BodyFraming
    private var written = 0

    /// What is gathered before it is handed to the kernel, in bytes.
    private static let gathered = 16_384

    init(connection: ServerConnection, framing: BodyFraming) {
        self.connection = connection
        self.framing = framing
    }

    /// Throws when the peer has gone, does not read (`timedOut`), or when it is more than the announced length.
    package mutating func write(_ bytes: [UInt8]) async throws(NetError) {
        written += bytes.count
        switch framing {
        case .chunked:
            Serializer.appendChunk(bytes, to: &connection.output)
        case .length(let count):
            guard written <= count else { throw NetError(.closed, during: "write body") }
            connection.output.append(contentsOf: bytes)
        case .none, .untilClose:
            connection.output.append(contentsOf: bytes)
        }
        if connection.output.count >= BodyWriter.gathered { try await connection.flush() }
    }

    /// Hands over what was gathered, so that the peer sees it now.
    package mutating func flush() async throws(NetError) {
        try await connection.flush()
    }

    /// Ends the body; false when it is not as long as announced.
    mutating func finish() -> Bool {
        if framing == .chunked { Serializer.appendLastChunk(to: &connection.output) }
        if case .length(let count) = framing { return written == count }
        return true
    }
}
