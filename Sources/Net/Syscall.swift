import Glibc

/// Runs a system call until it is not interrupted (EINTR) and returns its result; `nil` means that it would block.
///
/// EBADF and EFAULT trap: they are never the peer's doing but a descriptor used after its close or a wild pointer, and
/// reporting them as IO errors would hide the bug.
@inline(__always)
func systemCall<Result: FixedWidthInteger>(
    _ operation: StaticString, _ body: () -> Result
) throws(NetError) -> Result? {
    while true {
        let result = body()
        if result >= 0 { return result }
        switch errno {
        case EINTR: continue
        case EAGAIN, EINPROGRESS: return nil
        case EBADF, EFAULT: fatalError("\(operation): \(unsafe String(cString: strerror(errno)))")
        case let code: throw NetError(errno: code, during: operation)
        }
    }
}
