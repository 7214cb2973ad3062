import Glibc
import Synchronization

/// A private PostgreSQL server that the gateway owns: the database when no `DATABASE_URL` is given.
///
/// It lives in the gateway's data directory, is reachable through a unix socket only, and runs exactly as long as
/// the gateway: it is started again when it dies, and the kernel ends it when the gateway dies. Everything here
/// blocks and belongs to start-up and shutdown, not on a loop.
package final class PostgresCluster: Sendable {
    package struct Options: Sendable {
        /// Whom root runs PostgreSQL as when there is no data yet; existing data keeps its owner.
        package var user = "postgres"
        /// False lets a power cut destroy the data: for tests, where it saves seconds.
        package var fsync = true
        /// Settings that win over the cluster's `postgresql.conf`, such as `["shared_buffers": "32MB"]`.
        package var settings: [String: String] = [:]
        /// How long the server may take until it accepts connections, crash recovery included.
        package var startTimeout: Duration = .seconds(120)
        /// Where `postgres` and `initdb` are; nil looks for the newest installed version.
        package var binaryDirectory: String?

        package init() {}
    }

    /// The role that owns the gateway's database; may make roles, is no superuser.
    package static let owner = "gateway"
    /// The gateway's database, UTF-8.
    package static let database = "gateway"
    /// For upkeep and tests.
    package static let superuser = "postgres"

    /// Directory of the unix socket, absolute.
    package let socketDirectory: String
    /// Directory of `postgres`, `psql`, `pg_dump` … of the running version.
    package let binaryDirectory: String

    private let layout: ClusterLayout
    private let lock: DirectoryLock
    private let postmaster: Postmaster
    private let isStopped = Mutex(false)

    /// Opens the cluster in the directory, making both if they are missing, and waits until it takes connections.
    ///
    /// - Parameters:
    ///   - dataDirectory: the gateway's; PostgreSQL gets `postgres/` in it. Relative paths start at the working
    ///     directory.
    /// - Throws: an error that says what to do, with the end of the server's log where that helps.
    package static func start(
        in dataDirectory: String, options: Options = Options()
    ) throws(PostgresClusterError) -> PostgresCluster {
        // Root's directory must be passable for the user that PostgreSQL runs as; what lies in it is private itself.
        try Files.makeDirectories(dataDirectory, mode: geteuid() == 0 ? 0o711 : 0o700)
        let layout = ClusterLayout(root: try Files.canonicalPath(dataDirectory))
        let lock = try DirectoryLock(path: layout.lock)
        return try PostgresCluster(layout: layout, lock: lock, options: options)
    }

    private init(layout: ClusterLayout, lock: DirectoryLock, options: Options) throws(PostgresClusterError) {
        self.layout = layout
        self.lock = lock
        let user = try ClusterUser.resolve(
            preferred: options.user, dataOwner: FileStatus(following: layout.data)?.uid, directory: layout.home)
        try user.checkCanReach(layout.root)
        try Files.makeDirectories(layout.home, mode: user.mustSwitch ? 0o711 : 0o700)
        let binaries = try PostgresBinaries.find(
            version: try layout.dataVersion(), override: options.binaryDirectory)
        binaryDirectory = binaries.directory

        let clusterName = Self.clusterName(for: layout)
        let leftovers = Leftovers(layout: layout, clusterName: clusterName)
        if Files.exists(layout.data) {
            try leftovers.clear()
        } else {
            try ClusterCreation(layout: layout, binaries: binaries, user: user, fsync: options.fsync).run()
        }

        socketDirectory = try layout.prepareSocketDirectory(for: user)
        try Self.writeAccessRules(layout, clusterUser: user.user)
        postmaster = Postmaster(
            program: binaries.path(of: "postgres"),
            arguments: Self.arguments(layout, socketDirectory, clusterName, options), user: user, layout: layout,
            leftovers: leftovers, logFile: try LogFile(path: layout.log))
        try postmaster.start(
            socket: "\(socketDirectory)/\(ClusterLayout.socketName)", timeout: options.startTimeout)
    }

    /// A `DATABASE_URL` for the gateway's database as its owner. Holds no password: the kernel vouches for the caller.
    package var connectionString: String { connectionString() }

    package func connectionString(
        user: String = PostgresCluster.owner, database: String = PostgresCluster.database
    ) -> String {
        let host = Self.percentEncoded(socketDirectory)
        let (user, database) = (Self.percentEncoded(user), Self.percentEncoded(database))
        return "postgresql:///\(database)?host=\(host)&port=\(ClusterLayout.port)&user=\(user)"
    }

    /// The server's process, nil while it is not running.
    package var postmasterPID: Int32? { postmaster.pid }

    /// Shuts the server down and gives the directory back. Transactions that run are rolled back. May be called twice.
    package func stop() {
        isStopped.withLock { isStopped in
            guard !isStopped else { return }
            isStopped = true
            postmaster.stop()
            layout.removeSocketDirectory(socketDirectory)
            lock.release()
        }
    }

    deinit { stop() }

    // MARK: Command line and access

    private static func arguments(
        _ layout: ClusterLayout, _ socketDirectory: String, _ clusterName: String, _ options: Options
    ) -> [String] {
        var settings = [
            ("config_file", layout.settings), ("hba_file", layout.access), ("ident_file", layout.users),
            ("listen_addresses", ""), ("port", String(ClusterLayout.port)),
            ("unix_socket_directories", quoted(socketDirectory)), ("unix_socket_permissions", "0700"),
            ("cluster_name", clusterName), ("logging_collector", "off"), ("log_destination", "stderr"),
        ]
        if !options.fsync { settings += [("fsync", "off"), ("full_page_writes", "off")] }
        settings += options.settings.sorted { $0.key < $1.key }
        return ["-D", layout.data] + settings.flatMap { ["-c", "\($0.0)=\($0.1)"] }
    }

    /// unix_socket_directories is a list: a space in a name needs quotes.
    private static func quoted(_ path: String) -> String {
        "\"\(path.replacing("\"", with: "\"\""))\""
    }

    /// Tells this cluster's processes from other clusters' in a list of processes. Stable as long as the data is.
    private static func clusterName(for layout: ClusterLayout) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in layout.data.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return "kick-gateway-\(String(hash, radix: 16))"
    }

    /// Only the user that the gateway runs as, and the one PostgreSQL runs as, get in: the kernel says who connects
    /// (`peer`), the map says which roles that user may take. Other local users fail at the socket directory's mode
    /// already.
    private static func writeAccessRules(
        _ layout: ClusterLayout, clusterUser: SystemUser
    ) throws(PostgresClusterError) {
        guard let gatewayUser = SystemUser.current else {
            throw PostgresClusterError(.user, "User id \(geteuid()) has no name in /etc/passwd.")
        }
        var map = ""
        for name in gatewayUser == clusterUser ? [gatewayUser.name] : [gatewayUser.name, clusterUser.name] {
            for role in [owner, superuser] { map += "gateway \"\(name)\" \(role)\n" }
        }
        try Files.write("local all all peer map=gateway\n", to: layout.access, mode: 0o644)
        try Files.write(map, to: layout.users, mode: 0o644)
    }

    private static func percentEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                String(UnicodeScalar(byte))
            default: (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
