import Glibc

/// Where everything of a cluster lies.
///
/// ```
/// <data directory>/gateway.lock
/// <data directory>/postgres/            the gateway's: what root writes lies where only root writes
///     data/                             PostgreSQL's own, mode 0700; `data.new` while it is being made
///     socket/                           the unix socket, mode 0700
///     postgresql.conf                   settings a person may edit
///     pg_hba.conf, pg_ident.conf        who may connect; rewritten at every start
///     postgres.log, postgres.log.1
///     socket-directory                  names the directory used where the path of socket/ is too long or odd
/// ```
struct ClusterLayout: Sendable {
    /// Absolute, without symbolic links.
    let root: String

    var lock: String { "\(root)/gateway.lock" }
    var home: String { "\(root)/postgres" }
    var data: String { "\(home)/data" }
    var unfinishedData: String { "\(home)/data.new" }
    var settings: String { "\(home)/postgresql.conf" }
    var access: String { "\(home)/pg_hba.conf" }
    var users: String { "\(home)/pg_ident.conf" }
    var log: String { "\(home)/postgres.log" }
    var processFile: String { "\(data)/postmaster.pid" }
    private var socketPointer: String { "\(home)/socket-directory" }

    /// Part of the socket's name. No network port is opened; it differs from 5432 so that a mistaken connection
    /// never reaches a system cluster and a system client never reaches this one.
    static let port = 54_320
    static let socketName = ".s.PGSQL.\(port)"
    /// sockaddr_un.sun_path holds 108 bytes with its final zero (unix(7)).
    static let longestSocketPath = 107

    /// The major version that wrote the existing data, nil when there is no data.
    func dataVersion() throws(PostgresClusterError) -> Int? {
        guard Files.exists(data) else { return nil }
        guard let text = Files.text(of: "\(data)/PG_VERSION"), let version = Int(text.prefix { $0.isNumber }) else {
            throw PostgresClusterError(.files, "\(data) is not a PostgreSQL data directory: no readable PG_VERSION.")
        }
        return version
    }

    /// A private directory, empty, in which clients can name the socket.
    ///
    /// Clears the one before. Only safe while no server of this cluster runs.
    func prepareSocketDirectory(for user: ClusterUser) throws(PostgresClusterError) -> String {
        if let previous = Files.text(of: socketPointer), previous.contains(Self.shortDirectoryPrefix) {
            Self.clear(previous)
            unsafe rmdir(previous)
            unsafe unlink(socketPointer)
        }
        let usual = "\(home)/socket"
        // libpq takes a comma for the end of a host.
        if "\(usual)/\(Self.socketName)".utf8.count <= Self.longestSocketPath, !usual.contains(",") {
            try Files.makePrivateDirectory(usual, for: user)
            Self.clear(usual)
            return usual
        }
        let short = try Self.makeShortDirectory()
        try Files.write(short, to: socketPointer, mode: 0o600)
        try Files.makePrivateDirectory(short, for: user)
        return short
    }

    /// Gives back a short directory; the usual one stays.
    func removeSocketDirectory(_ directory: String) {
        Self.clear(directory)
        if directory.contains(Self.shortDirectoryPrefix) {
            unsafe rmdir(directory)
            unsafe unlink(socketPointer)
        }
    }

    private static let shortDirectoryPrefix = "/kick-gateway-"

    /// mkdtemp(3) makes it new, mode 0700, under a name nobody can guess: in /tmp nobody can lie in wait for it.
    private static func makeShortDirectory() throws(PostgresClusterError) -> String {
        for parent in ["/run/user/\(geteuid())", "/run", "/tmp"] where unsafe Glibc.access(parent, W_OK | X_OK) == 0 {
            // Another user cannot pass /run/user/<us>; /run is for root alone.
            if parent == "/run" && geteuid() != 0 { continue }
            if parent.hasPrefix("/run/user") && geteuid() == 0 { continue }
            var template = Array("\(parent)\(shortDirectoryPrefix)XXXXXX\0".utf8CString.dropLast())
            if unsafe mkdtemp(&template) != nil {
                return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
        }
        throw Files.failure("make a directory for the database socket below", "/tmp")
    }

    /// A server that was killed leaves its socket and the socket's lock file, whose process id may by now be
    /// somebody else's, which would stop the next start.
    private static func clear(_ directory: String) {
        unsafe unlink("\(directory)/\(socketName)")
        unsafe unlink("\(directory)/\(socketName).lock")
    }
}
