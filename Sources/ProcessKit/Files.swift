import FoundationEssentials
import Glibc

/// Small files, and directories for a while.
package enum Files {
    /// The file as text; nil when it cannot be read. Reads to the end, as files of /proc have no size.
    package static func text(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Makes a directory that is removed at the end; the user that PostgreSQL runs as can pass it.
    package static func makeTemporaryDirectory(in parent: String, prefix: String) throws -> String {
        var template = Array("\(parent)/\(prefix)-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw ProcessError("cannot make a directory in \(parent)") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if geteuid() == 0 { _ = unsafe chmod(path, 0o711) }
        try Cleanup.add(directory: path)
        return path
    }

    /// Path of the running program.
    package static var ownProgram: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    /// Takes as many open files as the hard limit allows, up to 65,536; children inherit it. Throws when `needed` are
    /// more than that.
    package static func raiseDescriptorLimit(needed: Int) throws {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, 65_536))
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        guard limit.rlim_cur >= UInt(needed) else {
            throw ProcessError("\(needed) open files are needed and \(limit.rlim_cur) allowed: raise ulimit -Hn")
        }
    }
}
