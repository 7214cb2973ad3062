package import HTTP
package import Net

/// Makes requests of other servers: HTTP/1.1 over TCP or TLS, on pooled connections (RFC 9110, RFC 9112).
///
/// A call stays on the loop it is made on, and each loop has its own connections, so a request costs no hop and no lock.
/// A call from elsewhere goes to the loops in turn. Redirects are not followed: a request that carries a token goes
/// where it was meant to go, or nowhere.
package final class OutboundClient: Sendable {
    private let loops: LoopGroup
    private let pools: [LoopPools]
    private let limits: ClientLimits
    private let userAgent: FieldValue

    /// - Parameters:
    ///   - tls: whom to trust; used for https only.
    ///   - userAgent: sent when a request names none.
    package init(
        loops: LoopGroup, tls: TLSContext, limits: ClientLimits = ClientLimits(), userAgent: FieldValue = "kick-gateway"
    ) {
        self.loops = loops
        self.limits = limits
        self.userAgent = userAgent
        pools = loops.loops.map { LoopPools(loop: $0, limits: limits, tls: tls) }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// The deadline is for everything together. A request is sent a second time only if it met the close of a connection
    /// that had been idle, before any answer, and it asks for no change or nothing of it had left: a
    /// deletion that is sent twice is answered with "not found". Cancelling the
    /// task closes the connection and throws `.cancelled`.
    package func send(_ request: OutboundRequest, deadline: Deadline) async throws(ClientError) -> OutboundResponse {
        try await onLoop { pools in
            await pools.scope { scope async throws(ClientError) in
                let (exchange, head) = try await start(request, deadline: deadline, pools, scope)
                defer { exchange.finish() }
                let limit = request.maximumBody ?? limits.body
                try exchange.checkAnnounced(head, of: request.method, limit: limit)
                var body: [UInt8] = []
                while try await exchange.receiveBody(into: &body, room: limit - body.count, deadline: deadline) {}
                return OutboundResponse(status: head.status, fields: head.fields, body: body)
            }
        }.get()
    }

    /// Sends a request and lends the answer's body as it arrives, without a bound: for event streams.
    ///
    /// The connection is closed when `body` returns before the end of the answer, and when the task is cancelled.
    ///
    /// - Parameter deadlineForHead: until when the head must be there; each read of the body has its own.
    package func withStream<R>(
        _ request: OutboundRequest, deadlineForHead deadline: Deadline,
        _ body: (ResponseHead, ResponseChunks) async throws -> R
    ) async throws -> R {
        try await onLoop { pools in
            await pools.scope { scope async throws in
                let (exchange, head) = try await start(request, deadline: deadline, pools, scope)
                defer { exchange.finish() }
                return try await body(head, ResponseChunks(exchange))
            }
        }.get()
    }

    /// Closes idle connections, refuses requests from now on and those that wait for a connection. Those under way end
    /// by themselves.
    package func shutdown() async {
        for pools in pools {
            await pools.loop.spawn { pools.shutDown() }.value
        }
    }

    /// Gets a connection, sends the request and receives the head; once more if the connection had been idle too long.
    private func start(
        _ request: OutboundRequest, deadline: Deadline, _ pools: LoopPools, _ scope: CallScope
    ) async throws(ClientError) -> (Exchange, ResponseHead) {
        let origin = Origin(request.url)
        let bytes = request.serialized(userAgent: userAgent)
        var needsFresh = request.needsFreshConnection
        while true {
            let pool = pools.pool(for: origin)
            let connection = try await pool.acquire(needsFresh: needsFresh, deadline: deadline, scope: scope)
            let exchange = Exchange(origin: origin, connection: connection, pool: pool, scope: scope)
            do throws(ClientError) {
                // Too late to be sent: the kernel would still take it.
                guard !deadline.hasPassed else { throw ClientError(.timedOut, origin, requestMayHaveArrived: false) }
                try await exchange.send(bytes, deadline: deadline)
                return (exchange, try await exchange.receiveHead(of: request.method, deadline: deadline))
            } catch {
                let mayRepeat =
                    exchange.diedWithIdleConnection(error)
                    && (request.method.isSafe || !exchange.requestMayHaveArrived)
                exchange.finish()
                guard mayRepeat else { throw error }
                // A fresh one has not been idle, so this happens once.
                needsFresh = true
            }
        }
    }

    /// Runs `body` on the present loop if it is one of ours, else on the next.
    private func onLoop<R>(_ body: (LoopPools) async -> R) async -> R {
        if let loop = Loop.current, loop.index < pools.count, pools[loop.index].loop === loop {
            return await body(pools[loop.index])
        }
        let pools = pools[loops.next().index]
        return await withTaskExecutorPreference(pools.loop) {
            await pools.loop.enter()
            return await body(pools)
        }
    }
}
