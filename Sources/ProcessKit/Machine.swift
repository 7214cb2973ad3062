import Glibc
import Net

/// On what was measured.
package struct Machine: Encodable, Sendable {
    package let processor: String
    package let cores: Int
    package let kernel: String
    package let compiler: String
    /// File system of the databases, and what a small durable write costs there.
    package let fileSystem: String
    package let syncMilliseconds: Double?
    /// Processes that wanted to run in the minute before the start: more than a little, and the figures are not to be
    /// trusted.
    package let loadAverage: Double

    package init(directory: String) {
        let lines = (Files.text("/proc/cpuinfo") ?? "").split(separator: "\n")
        processor =
            lines.first { $0.hasPrefix("model name") }.flatMap { $0.split(separator: ":").last }
            .map { String($0.drop { $0 == " " }) } ?? "unknown processor"
        cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
        kernel = "Linux " + (Files.text("/proc/sys/kernel/osrelease") ?? "?").filter { $0 != "\n" }
        compiler = Self.compilerName
        fileSystem = Self.fileSystem(of: directory)
        syncMilliseconds = Self.medianSync(in: directory)
        loadAverage = (Files.text("/proc/loadavg") ?? "").split(separator: " ").first.flatMap { Double($0) } ?? 0
    }

    /// What `postgres --version` says, of the server that a gateway runs.
    package static func postgresVersion(below gateway: Int32) -> String? {
        ProcessAccounting.program(named: "postgres", below: gateway).flatMap(postgresVersion)
    }

    /// - Parameter program: path of `postgres`.
    package static func postgresVersion(of program: String) -> String? {
        guard let text = ChildProcess.output(of: program, ["--version"]) else { return nil }
        // "postgres (PostgreSQL) 15.8 (Debian …)"
        return text.split(separator: " ").first { $0.first?.isNumber == true }.map { "PostgreSQL \($0)" }
    }

    /// All of it in one line, for the head of a table.
    ///
    /// - Parameters:
    ///   - postgres: its version.
    ///   - remark: what else should be known.
    package func line(postgres: String?, remark: String? = nil) -> String {
        let parts = [
            "\(cores) cores of \(processor)", kernel, compiler, postgres ?? "no PostgreSQL",
            fileSystem + (syncMilliseconds.map { " (fdatasync \($0.shortText) ms)" } ?? ""),
            "load average at start \(loadAverage.text(2))", remark,
        ]
        return "Machine: " + parts.compactMap(\.self).joined(separator: "; ") + "."
    }

    private static var compilerName: String {
        #if compiler(>=6.5)
        let version = "6.5 or later"
        #elseif compiler(>=6.4)
        let version = "6.4"
        #elseif compiler(>=6.3)
        let version = "6.3"
        #else
        let version = "6.2"
        #endif
        #if DEBUG
        return "Swift \(version), DEBUG BUILD"
        #else
        return "Swift \(version), release build"
        #endif
    }

    /// The type of the mount that is nearest above the path.
    private static func fileSystem(of path: String) -> String {
        let mounts = (Files.text("/proc/mounts") ?? "").split(separator: "\n").map { $0.split(separator: " ") }
        let above = mounts.filter { mount in
            guard mount.count > 2 else { return false }
            let point = mount[1] == "/" ? "" : mount[1]
            return path == point || path.hasPrefix(point + "/")
        }
        return above.max { $0[1].count < $1[1].count }.map { String($0[2]) } ?? "unknown file system"
    }

    /// Median of fdatasync(2) after 8 KiB written over, in milliseconds: what a commit waits for at least.
    private static func medianSync(in directory: String) -> Double? {
        let path = "\(directory)/kick-sync-\(getpid())"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        defer {
            close(descriptor)
            _ = unsafe unlink(path)
        }
        let page = [UInt8](repeating: 1, count: 8192)
        var times: [UInt64] = []
        for _ in 0..<101 {
            let start = Deadline.now()
            guard unsafe pwrite(descriptor, page, page.count, 0) == page.count, fdatasync(descriptor) == 0 else {
                return nil
            }
            times.append(Deadline.now().nanoseconds - start.nanoseconds)
        }
        return Double(times.sorted()[times.count / 2]) / 1e6
    }
}
