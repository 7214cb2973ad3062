/// The bounds of an ``OutboundClient``.
package struct ClientLimits: Sendable {
    /// Connections per loop and origin, open and opening; at least 1.
    package var connections: Int
    /// Requests per loop and origin that wait for a connection; another one is refused at once.
    package var waiters: Int
    /// How long a connection is kept that nobody uses. Less than most servers keep one.
    package var idleTimeout: Duration
    /// How long looking up, connecting and the TLS handshake may take together.
    package var connectTimeout: Duration
    /// The longest body of an answer, in bytes, unless the request says otherwise.
    package var body: Int

    package init(
        connections: Int = 16, waiters: Int = 256, idleTimeout: Duration = .seconds(30),
        connectTimeout: Duration = .seconds(10), body: Int = 4 << 20
    ) {
        precondition(connections >= 1 && waiters >= 0 && body >= 0, "limits are not negative")
        self.connections = connections
        self.waiters = waiters
        self.idleTimeout = idleTimeout
        self.connectTimeout = connectTimeout
        self.body = body
    }
}
