import FoundationEssentials
import Glibc

/// The directory that holds `postgres` and `initdb` of one version.
struct PostgresBinaries: Equatable, Sendable {
    let directory: String
    /// 15, 16 …; data directories of different major versions do not open each other.
    let majorVersion: Int

    func path(of program: String) -> String { "\(directory)/\(program)" }

    /// Finds the binaries for existing data (`version` given: exactly that version) or for new data (the newest).
    ///
    /// Looked at, in this order: `override`, where Debian and PGDG packages install, and the directories on `PATH`.
    static func find(version: Int?, override: String? = nil) throws(PostgresClusterError) -> PostgresBinaries {
        let installed = installed(override: override)
        if let version {
            if let match = installed.first(where: { $0.majorVersion == version }) { return match }
            let others = installed.map { String($0.majorVersion) }.joined(separator: ", ")
            throw PostgresClusterError(
                .notInstalled,
                """
                The data was written by PostgreSQL \(version), which is not installed (found: \
                \(others.isEmpty ? "none" : others)). Install the package postgresql-\(version), or move the data \
                with pg_upgrade.
                """)
        }
        guard let newest = installed.max(by: { $0.majorVersion < $1.majorVersion }) else {
            throw PostgresClusterError(
                .notInstalled,
                """
                No PostgreSQL server is installed\(override.map { " in \($0)" } ?? ""). Install the package \
                postgresql, or set DATABASE_URL to use a server that runs elsewhere.
                """)
        }
        return newest
    }

    /// Every usable version, each once, earlier places first.
    private static func installed(override: String?) -> [PostgresBinaries] {
        var directories: [String] = []
        if let override {
            directories = [override]
        } else {
            for (root, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")] {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
                directories += names.filter { $0.hasPrefix(prefix) && Int($0.dropFirst(prefix.count)) != nil }
                    .map { "\(root)/\($0)/bin" }
            }
            let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
            directories += path.split(separator: ":").map(String.init)
        }
        var found: [PostgresBinaries] = []
        for directory in directories
        where Files.isExecutable("\(directory)/postgres") && Files.isExecutable("\(directory)/initdb") {
            guard let version = version(of: "\(directory)/postgres") else { continue }
            if !found.contains(where: { $0.majorVersion == version }) {
                found.append(PostgresBinaries(directory: directory, majorVersion: version))
            }
        }
        return found
    }

    private static func version(of program: String) -> Int? {
        guard let result = try? ChildProcess.run(program, ["--version"], as: nil), result.status == 0 else {
            return nil
        }
        return version(fromBanner: result.output)
    }

    /// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` or `… 18devel`.
    static func version(fromBanner banner: String) -> Int? {
        guard let range = banner.firstRange(of: "(PostgreSQL) ") else { return nil }
        return Int(banner[range.upperBound...].prefix { $0.isASCII && $0.isNumber })
    }
}
