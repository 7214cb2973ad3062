import Glibc
import Synchronization

/// Looks host names up without blocking a loop: `getaddrinfo(3)` on threads of its own.
///
/// Answers are not cached; connections are pooled above. At most 64 look-ups wait; more are refused at once.
package final class Resolver: Sendable {
    package static let shared = Resolver()

    private let pending = Atomic<Int>(0)

    /// The addresses of `host`, in the order in which to try them; an address literal is its own answer.
    ///
    /// Throws `.nameResolution` or, at the deadline, `.timedOut`. A look-up that missed its deadline ends on its own.
    package func addresses(of host: String, port: UInt16, deadline: Deadline) async throws(NetError) -> [SocketAddress]
    {
        if let literal = SocketAddress(host: host, port: port) { return [literal] }
        guard let loop = Loop.current else { preconditionFailure("a look-up needs a loop") }
        guard pending.wrappingAdd(1, ordering: .relaxed).newValue <= 64 else {
            pending.wrappingSubtract(1, ordering: .relaxed)
            throw NetError(.nameResolution("too many look-ups at once"), during: "resolve")
        }
        let lookup = Lookup(host: host, port: port, loop: loop)
        startThread { [self] in
            lookup.run()
            pending.wrappingSubtract(1, ordering: .relaxed)
        }
        return try await lookup.answer(by: deadline)
    }

    private func startThread(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(ThreadBody(body)).toOpaque()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box)
        precondition(code == 0, "pthread_create failed")
        pthread_detach(thread)
    }
}

private final class ThreadBody {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}

/// One look-up: runs on a thread, is awaited on a loop.
private final class Lookup: @unchecked Sendable {
    private let host: String
    private let port: UInt16
    private let loop: Loop
    private let waiter: StreamWaiter
    private var result: Result<[SocketAddress], NetError>?

    init(host: String, port: UInt16, loop: Loop) {
        self.host = host
        self.port = port
        self.loop = loop
        waiter = StreamWaiter(loop: loop)
    }

    func answer(by deadline: Deadline) async throws(NetError) -> [SocketAddress] {
        if result == nil { try await waiter.wait(until: deadline, operation: "resolve") }
        guard let result else { throw NetError(.timedOut, during: "resolve") }
        return try result.get()
    }

    func run() {
        let result = lookUp()
        loop.execute { [self] in
            self.result = result
            waiter.finish(with: nil)
        }
    }

    private func lookUp() -> Result<[SocketAddress], NetError> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = Int32(AI_ADDRCONFIG)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &list)
        defer { if unsafe list != nil { unsafe freeaddrinfo(list) } }
        guard code == 0 else {
            return .failure(NetError(.nameResolution(unsafe String(cString: gai_strerror(code))), during: "resolve"))
        }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            var storage = sockaddr_storage()
            unsafe withUnsafeMutableBytes(of: &storage) { storage in
                let bytes = unsafe UnsafeRawBufferPointer(
                    start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
                unsafe storage.copyBytes(from: bytes)
            }
            if let address = SocketAddress(kernel: storage), !addresses.contains(address) { addresses.append(address) }
            unsafe next = entry.pointee.ai_next
        }
        guard !addresses.isEmpty else {
            return .failure(NetError(.nameResolution("no address"), during: "resolve"))
        }
        return .success(addresses)
    }
}
