package import HTTP

/// Everything that bounds what one server takes and how long it waits. A peer that goes over a limit is answered with
/// the status named here, and its connection is closed.
package struct ServerLimits: Sendable {
    /// Heads, chunk framing and trailers: 400, 414, 431.
    package var parse = ParseLimits()
    /// Connections at one time, over all loops; one more gets 503.
    package var connections = 65_536
    /// From a head's first byte to its last: 408. Also how long a fresh connection may stay silent.
    package var headTime = Duration.seconds(10)
    /// Between two requests of one connection, which is then closed without a word.
    package var idleTime = Duration.seconds(75)
    /// From the moment a handler asks for the body to the body's last byte: 408.
    package var bodyTime = Duration.seconds(30)
    /// How long a handler should take: it ends at ``Request/deadline``, which handlers pass on to what they wait for.
    package var handlerTime = Duration.seconds(30)
    /// How long the peer may take for each 256 KiB of a response.
    package var writeTime = Duration.seconds(30)
    /// How much of a body that the handler left unread is read and dropped to keep the connection, in bytes.
    package var unreadBody = 65_536
    /// How long, and for how many bytes, a peer is listened to after we said that we close: closing at once could
    /// destroy the response on its way (RFC 9112 §9.6).
    package var lingerTime = Duration.seconds(2)
    package var lingerBytes = 262_144
    /// Silence after which an event stream gets a comment, so that proxies and clients know it lives.
    package var heartbeat = Duration.seconds(15)
    /// What may wait for the reader of one event stream, in bytes; the stream is cut when it is more.
    package var eventStreamPending = 262_144
    /// How long an event stream's reader may take nothing while something waits for it.
    package var eventStreamStall = Duration.seconds(30)

    package init() {}
}
