package import Net

/// The body of an answer, as it arrives. Valid inside the closure it was lent to. Loop-bound.
package final class ResponseChunks {
    private let exchange: Exchange

    init(_ exchange: Exchange) {
        self.exchange = exchange
    }

    /// The next bytes, at least one and at most 64 KiB of what has arrived; nil at the end of the body. A body that was
    /// cut short throws `.connectionLost`.
    package func next(deadline: Deadline) async throws(ClientError) -> [UInt8]? {
        var chunk: [UInt8] = []
        return try await exchange.receiveBody(into: &chunk, deadline: deadline) ? chunk : nil
    }
}
