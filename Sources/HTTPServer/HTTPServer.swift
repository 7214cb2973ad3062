import Glibc
package import Net
import Synchronization

/// An HTTP/1.1 server on every loop of a group. It owns its listeners and connections; the loops are the caller's.
package final class HTTPServer: Sendable {
    private let contexts: [LoopContext]
    private let connectionCount = SharedCount()

    /// - Parameter handler: answers every request, on its connection's loop; usually a ``Router``'s `respond`.
    package init(loops: LoopGroup, limits: ServerLimits = ServerLimits(), handler: @escaping Handler) {
        let count = connectionCount
        contexts = loops.loops.map {
            LoopContext(loop: $0, limits: limits, connectionCount: count, handler: handler)
        }
    }

    /// Connections that are open now.
    package var openConnections: Int { connectionCount.current }

    /// Listens at every address, on every loop (a unix socket on one), from any task. When one fails, those before it
    /// stay open: shut the server down.
    ///
    /// Throws `.system(EADDRINUSE)` also when another process listens there with a shared port, which the kernel would
    /// let pass.
    ///
    /// - Returns: the addresses, with the ports that the kernel chose where 0 was asked for.
    package func listen(on addresses: [SocketAddress]) async throws(NetError) -> [SocketAddress] {
        var bound: [SocketAddress] = []
        for address in addresses {
            var address = address
            guard !address.isTaken else { throw NetError(.system(EADDRINUSE), during: "listen") }
            for context in contexts {
                address = try await HTTPServer.listen(on: address, context)
                if case .unix = address { break }
            }
            bound.append(address)
        }
        return bound
    }

    private static func listen(
        on address: SocketAddress, _ context: LoopContext
    ) async throws(NetError) -> SocketAddress {
        let result = Mutex<Result<SocketAddress, NetError>?>(nil)
        await context.loop.spawn {
            let outcome: Result<SocketAddress, NetError>
            do throws(NetError) {
                outcome = .success(try context.listen(on: address))
            } catch {
                outcome = .failure(error)
            }
            result.withLock { $0 = outcome }
        }.value
        guard let outcome = result.withLock({ $0 }) else { preconditionFailure("the listening task has ended") }
        return try outcome.get()
    }

    /// Stops: accepts no more, closes idle connections, lets requests in flight be answered (with `Connection: close`)
    /// and tells event streams. Returns when every connection is closed; what is left after `grace` is cut.
    package func shutdown(grace: Duration) async {
        let deadline = Deadline.after(grace)
        let drains = contexts.map { context in
            context.loop.spawn { await context.drain(until: deadline) }
        }
        for drain in drains { await drain.value }
    }
}
