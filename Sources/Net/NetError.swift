import Glibc

/// Why a descriptor operation failed. `description` is safe for logs; it never holds what was sent.
package struct NetError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Equatable, Sendable {
        /// The deadline passed first.
        case timedOut
        /// This side closed the stream, or its loop is shutting down.
        case closed
        /// The peer reset the connection (ECONNRESET, EPIPE).
        case reset
        /// Nothing listens at the address (ECONNREFUSED, or a missing unix socket).
        case refused
        /// The task was cancelled while it waited.
        case cancelled
        /// Any other failed system call, with its errno.
        case system(Int32)
        /// The TLS library refused: handshake, certificate or record. The text is the library's reason.
        case tls(String)
        /// The host name has no address, or the resolver failed.
        case nameResolution(String)
    }

    package let kind: Kind
    /// What was tried, such as `connect`.
    package let operation: StaticString

    package init(_ kind: Kind, during operation: StaticString) {
        self.kind = kind
        self.operation = operation
    }

    /// The error of a system call that just failed with `code`.
    init(errno code: Int32, during operation: StaticString) {
        switch code {
        case ECONNRESET, EPIPE: self.init(.reset, during: operation)
        case ECONNREFUSED, ENOENT: self.init(.refused, during: operation)
        case ETIMEDOUT: self.init(.timedOut, during: operation)
        default: self.init(.system(code), during: operation)
        }
    }

    package static func == (left: NetError, right: NetError) -> Bool {
        left.kind == right.kind
    }

    package var description: String {
        switch kind {
        case .timedOut: "\(operation): timed out"
        case .closed: "\(operation): closed"
        case .reset: "\(operation): connection reset by peer"
        case .refused: "\(operation): connection refused"
        case .cancelled: "\(operation): cancelled"
        case .system(let code): "\(operation): \(unsafe String(cString: strerror(code)))"
        case .tls(let reason): "\(operation): TLS: \(reason)"
        case .nameResolution(let reason): "\(operation): name resolution: \(reason)"
        }
    }
}
