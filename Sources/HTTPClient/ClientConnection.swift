import HTTP
import Net

/// An open connection to an origin. Loop-bound; used for one exchange at a time.
final class ClientConnection: @unchecked Sendable {
    let id: ClientPoolStateMachine.ConnectionID
    let stream: ByteStream
    /// Whether it was opened just now, for whoever uses it. One that was used or idle may meet the server's close.
    var isFresh = true

    private init(id: ClientPoolStateMachine.ConnectionID, stream: ByteStream) {
        self.id = id
        self.stream = stream
    }

    /// Looks the name up, connects to the first address that answers and makes the TLS handshake, on the current loop.
    static func open(
        _ id: ClientPoolStateMachine.ConnectionID, to origin: Origin, tls: TLSContext, deadline: Deadline
    ) async throws(ClientError) -> ClientConnection {
        let addresses: [SocketAddress]
        do throws(NetError) {
            addresses = try await Resolver.shared.addresses(
                of: origin.hostName, port: UInt16(origin.port), deadline: deadline)
        } catch {
            throw ClientError(.resolve, origin, requestMayHaveArrived: false, reason: error.description)
        }
        var failure = NetError(.timedOut, during: "connect")
        for (index, address) in addresses.enumerated() where !deadline.hasPassed {
            // One address that swallows everything must not use up the others' time.
            let share = Deadline.after(deadline.remaining / (addresses.count - index))
            do throws(NetError) {
                let stream =
                    switch origin.scheme {
                    case .http: try await ByteStream.connect(to: address, deadline: share)
                    case .https:
                        try await ByteStream.connectTLS(
                            to: address, host: origin.hostName, context: tls, deadline: share)
                    }
                return ClientConnection(id: id, stream: stream)
            } catch {
                failure = error
            }
        }
        var kind = ClientError.Kind.connect
        if case .tls = failure.kind { kind = .tls }
        throw ClientError(kind, origin, requestMayHaveArrived: false, reason: failure.description)
    }

    /// Whether an idle connection can be used: it is open, and the server has sent nothing that nobody asked for, and
    /// no end. Costs a system call that the next exchange's first read then saves.
    var isQuiet: Bool {
        var nothing: [UInt8] = []
        do throws(NetError) {
            return try stream.tryRead(into: &nothing, atMost: 1) == nil
        } catch {
            return false
        }
    }

    func close() {
        stream.close()
    }
}
