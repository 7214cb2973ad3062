extension ByteStream {
    /// Connects on the current loop and makes the TLS handshake. Nothing has been sent to the peer but the handshake
    /// when it throws: besides what ``connect(to:deadline:)`` throws, `.tls` with the library's reason, and `.reset` when
    /// the peer went away in the middle.
    ///
    /// - Parameters:
    ///   - host: the name or address literal that the peer's certificate must be for.
    ///   - deadline: of everything together.
    package static func connectTLS(
        to address: SocketAddress, host: String, context: TLSContext, deadline: Deadline
    ) async throws(NetError) -> ByteStream {
        let stream = try await connect(to: address, deadline: deadline)
        do throws(NetError) {
            let session = try TLSTransport(context: context, descriptor: stream.descriptor, host: host)
            stream.transport = session
            try await stream.finishHandshake(session, deadline: deadline)
            return stream
        } catch {
            stream.close()
            throw error
        }
    }

    private func finishHandshake(_ session: TLSTransport, deadline: Deadline) async throws(NetError) {
        while let direction = try session.handshake() {
            markBlocked(direction)
            do throws(NetError) {
                try await waitForBlocked(deadline: deadline, isRead: direction == .readable)
            } catch {
                throw NetError(error.kind, during: "TLS handshake")
            }
        }
    }
}
