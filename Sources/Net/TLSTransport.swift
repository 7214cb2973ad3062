import COpenSSL
import Glibc

/// Bytes through TLS, as the client. OpenSSL reads and writes the non-blocking descriptor itself.
///
/// The end of the stream is the peer's close_notify and nothing else: a connection that merely ends throws `.reset`, so
/// that a body cut short by somebody in between never passes for a whole one (RFC 8446 §6.1). Loop-bound.
@safe
final class TLSTransport: Transport {
    private let session: OpaquePointer
    /// Between the end of the handshake and the first fatal error; only then may close_notify be sent.
    private var isEstablished = false

    /// - Parameter host: the name or address literal that the certificate must be for. A name is sent as SNI
    ///   (RFC 6066 §3); an address is not.
    init(context: TLSContext, descriptor: Int32, host: String) throws(NetError) {
        ERR_clear_error()
        guard let session = unsafe SSL_new(context.pointer) else {
            throw NetError(.tls(TLSContext.queuedReason()), during: "TLS session")
        }
        unsafe self.session = session
        unsafe SSL_set_connect_state(session)
        // An empty name, or one with a NUL inside, would be checked less than it says.
        guard !host.isEmpty, !host.utf8.contains(0) else {
            throw NetError(.tls("no host name to verify"), during: "TLS session")
        }
        guard unsafe SSL_set_fd(session, descriptor) == 1, unsafe TLSTransport.expect(host, of: session) else {
            throw NetError(.tls(TLSContext.queuedReason()), during: "TLS session")
        }
    }

    deinit {
        unsafe SSL_free(session)
    }

    private static func expect(_ host: String, of session: OpaquePointer) -> Bool {
        switch SocketAddress(host: host, port: 0) {
        case .ipv4(let bytes, _), .ipv6(let bytes, _):
            return unsafe X509_VERIFY_PARAM_set1_ip(SSL_get0_param(session), bytes, bytes.count) == 1
        default:
            // RFC 9525 §6.3: a wildcard stands for a whole label.
            unsafe SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            guard unsafe SSL_set1_host(session, host) == 1 else { return false }
            let kind = Int(TLSEXT_NAMETYPE_host_name)
            let sent = unsafe host.withCString { name in
                unsafe SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, kind, UnsafeMutableRawPointer(mutating: name))
            }
            return sent == 1
        }
    }

    /// Takes the handshake as far as it goes. Nil when it is done, else what it waits for.
    func handshake() throws(NetError) -> Readiness? {
        prepare()
        let result = unsafe SSL_do_handshake(session)
        guard result != 1 else {
            isEstablished = true
            return nil
        }
        switch try outcome(of: result, errno: errno, during: "TLS handshake") {
        case .blocked(let direction): return direction
        default: throw NetError(.reset, during: "TLS handshake")
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(NetError) -> TransferResult {
        var count = 0
        prepare()
        let result = unsafe SSL_read_ex(session, buffer.baseAddress, buffer.count, &count)
        return result == 1 ? .bytes(count) : try outcome(of: result, errno: errno, during: "read")
    }

    func write(_ buffer: UnsafeRawBufferPointer) throws(NetError) -> TransferResult {
        var count = 0
        prepare()
        let result = unsafe SSL_write_ex(session, buffer.baseAddress, buffer.count, &count)
        return result == 1 ? .bytes(count) : try outcome(of: result, errno: errno, during: "write")
    }

    func shutdownWrite() {
        // Sends close_notify. A kernel buffer that is full at this very moment loses it, and the peer sees truncation:
        // the safe side.
        guard isEstablished else { return }
        ERR_clear_error()
        _ = unsafe SSL_shutdown(session)
        ERR_clear_error()
    }

    func close() {
        shutdownWrite()
        isEstablished = false
    }

    /// What `SSL_get_error(3)` asks for: nothing of an earlier call may be left in the queue, or in errno.
    private func prepare() {
        ERR_clear_error()
        errno = 0
    }

    /// What a call that did not succeed means.
    private func outcome(
        of result: Int32, errno code: Int32, during operation: StaticString
    ) throws(NetError) -> TransferResult {
        switch unsafe SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .blocked(on: .readable)
        case SSL_ERROR_WANT_WRITE: return .blocked(on: .writable)
        case SSL_ERROR_ZERO_RETURN: return .endOfStream
        case SSL_ERROR_SYSCALL:
            isEstablished = false
            ERR_clear_error()
            throw code == 0 ? NetError(.reset, during: operation) : NetError(errno: code, during: operation)
        default:
            isEstablished = false
            throw NetError(failure(), during: operation)
        }
    }

    private func failure() -> NetError.Kind {
        let verified = unsafe SSL_get_verify_result(session)
        guard verified == Int(X509_V_OK) else {
            ERR_clear_error()
            return .tls("certificate: " + (unsafe String(cString: X509_verify_cert_error_string(verified))))
        }
        if ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING {
            ERR_clear_error()
            return .reset
        }
        return .tls(TLSContext.queuedReason())
    }
}
