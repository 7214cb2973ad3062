import FoundationEssentials
import Glibc

/// The files that come with the program: `migrations/` and `openapi/`.
enum Resources {
    /// The nearest directory at or above the program's that has `migrations/`; else where a package puts them.
    static func find(from executable: String) -> String? {
        var directory = URL(filePath: executable).resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<8 {
            if hasMigrations(directory.path) { return directory.path }
            let parent = directory.deletingLastPathComponent()
            if parent == directory { break }
            directory = parent
        }
        return ["/usr/share/kick-gateway", "/usr/local/share/kick-gateway"].first(where: hasMigrations)
    }

    /// The path of the running program.
    static var executable: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }

    private static func hasMigrations(_ directory: String) -> Bool {
        FileManager.default.fileExists(atPath: directory + "/migrations")
    }
}

/// Where the gateway keeps what is not in `DATABASE_URL`.
enum DataDirectory {
    /// Root's home is closed to the user that PostgreSQL must run as, so root gets a system directory.
    static var standard: String {
        if geteuid() == 0 { return "/var/lib/kick-gateway" }
        let environment = ProcessInfo.processInfo.environment
        if let data = environment["XDG_DATA_HOME"], !data.isEmpty { return data + "/kick-gateway" }
        return (environment["HOME"] ?? ".") + "/.local/share/kick-gateway"
    }
}
