import COpenSSL
import Glibc

/// What outbound TLS connections have in common: TLS 1.2 or later, whom to trust, ALPN `http/1.1`.
///
/// Certificates are always verified, and so is the name they are for; there is no way to turn that off. Loading the
/// system's roots reads files, so make one context and keep it. Safe to use from several loops at once.
@safe
package final class TLSContext: @unchecked Sendable {
    /// Whose word a server's certificate is taken on.
    package enum Roots: Sendable {
        /// The system's; `SSL_CERT_FILE` and `SSL_CERT_DIR` in the environment name others (openssl-env(7)).
        case system
        /// Only those in this PEM file. For tests and private authorities.
        case file(String)
    }

    let pointer: OpaquePointer

    /// Throws `.tls` when the file of roots cannot be read.
    package init(roots: Roots = .system) throws(NetError) {
        ERR_clear_error()
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
            throw NetError(.tls(TLSContext.queuedReason()), during: "TLS context")
        }
        unsafe pointer = context
        // RFC 8996: TLS 1.0 and 1.1 are not to be used.
        unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        // Without renegotiation (TLS 1.2) a read is only ever blocked on reading and a write on writing, once the
        // handshake is done; and it has a history of attacks (RFC 5746). The constant is SSL_OP_NO_RENEGOTIATION.
        unsafe SSL_CTX_set_options(context, 1 << 30)
        // A partial write tells what has left; the buffer may be another at the next attempt (the push queue's is);
        // an idle connection holds no buffers.
        let modes = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS
        unsafe SSL_CTX_ctrl(context, SSL_CTRL_MODE, Int(modes), nil)
        // A record in one read(2) instead of two.
        unsafe SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, nil)
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        // RFC 7301 §3.1: each name with its length in front. Zero is success here, unlike everywhere else.
        let protocols: [UInt8] = [8] + Array("http/1.1".utf8)
        let refused = unsafe SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count))
        precondition(refused == 0, "SSL_CTX_set_alpn_protos failed")
        let loaded: Int32 =
            switch roots {
            case .system: unsafe SSL_CTX_set_default_verify_paths(context)
            case .file(let path): unsafe SSL_CTX_load_verify_file(context, path)
            }
        guard loaded == 1 else { throw NetError(.tls("roots: " + TLSContext.queuedReason()), during: "TLS context") }
    }

    deinit {
        unsafe SSL_CTX_free(pointer)
    }

    /// The library's words for the oldest error in this thread's queue, which is then emptied.
    static func queuedReason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let reason = unsafe ERR_reason_error_string(code) else { return "unknown error" }
        return unsafe String(cString: reason)
    }
}
