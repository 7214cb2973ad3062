import Glibc

/// Makes the data directory of a new cluster.
///
/// Everything happens in `data.new`, which becomes `data` by a rename at the end: a crash half way leaves nothing
/// that looks like a finished cluster, and the next start begins anew.
struct ClusterCreation {
    let layout: ClusterLayout
    let binaries: PostgresBinaries
    let user: ClusterUser
    let fsync: Bool

    func run() throws(PostgresClusterError) {
        Files.remove(layout.unfinishedData)
        try Files.makePrivateDirectory(layout.unfinishedData, for: user)
        try runInitdb()
        try makeGatewayDatabase()
        if !Files.exists(layout.settings) {
            try Files.write(Self.settings, to: layout.settings, mode: 0o644)
        }
        try Files.rename(layout.unfinishedData, to: layout.data, in: layout.home)
    }

    private var childUser: SystemUser? { user.mustSwitch ? user.user : nil }

    private func runInitdb() throws(PostgresClusterError) {
        var arguments = [
            "--pgdata=\(layout.unfinishedData)", "--username=\(PostgresCluster.superuser)", "--encoding=UTF8",
            "--locale=\(Self.locale)", "--data-checksums", "--auth-local=peer", "--auth-host=reject",
        ]
        if !fsync { arguments.append("--no-sync") }
        let result = try ChildProcess.run(binaries.path(of: "initdb"), arguments, as: childUser)
        guard result.status == 0 else { throw failure("initdb", result) }
    }

    /// Single-user mode needs neither a client program nor an open socket. It reads a statement a line from its
    /// standard input, and `exit_on_error` makes it fail instead of going on.
    private func makeGatewayDatabase() throws(PostgresClusterError) {
        let script = "\(layout.home)/bootstrap.sql"
        try Files.write(Self.bootstrap, to: script, mode: 0o644)
        defer { Files.remove(script) }
        let program = binaries.path(of: "postgres")
        let result = try ChildProcess.run(
            "/bin/sh",
            [
                "-c", "exec \"$0\" --single -D \"$1\" -c exit_on_error=on -c \"fsync=$2\" postgres < \"$3\"",
                program, layout.unfinishedData, fsync ? "on" : "off", script,
            ], as: childUser)
        guard result.status == 0 else { throw failure("postgres --single", result) }
    }

    private func failure(_ program: String, _ result: ChildProcess.Finished) -> PostgresClusterError {
        let lines = result.output.split(separator: "\n").suffix(8).map { "  \($0)" }.joined(separator: "\n")
        return PostgresClusterError(
            .failed, "\(program) could not make the database (exit code \(result.status)):\n\(lines)")
    }

    /// The gateway's role owns its database and may make further roles, for row-level security; it is no superuser.
    private static let bootstrap = """
        CREATE ROLE \(PostgresCluster.owner) LOGIN CREATEROLE
        CREATE DATABASE \(PostgresCluster.database) OWNER \(PostgresCluster.owner)

        """

    /// Byte order, on every machine the same; C.UTF-8 knows letters beyond ASCII, where the C library has it.
    private static var locale: String {
        for name in ["C.UTF-8", "C.utf8"] {
            if let locale = unsafe newlocale(LC_CTYPE_MASK, name, nil) {
                unsafe freelocale(locale)
                return name
            }
        }
        return "C"
    }

    private static let settings = """
        # Settings of the gateway's own PostgreSQL. Yours to edit: the gateway wrote this file once and only reads it
        # now. What must hold (no network, the socket's place, who may connect) is given on the command line and wins.

        max_connections = 100
        shared_buffers = 128MB
        dynamic_shared_memory_type = posix
        # A small service answers small queries: parallel plans and compiled plans cost more than they bring.
        max_parallel_workers_per_gather = 0
        jit = off

        wal_compression = on
        max_wal_size = 512MB
        min_wal_size = 80MB
        checkpoint_timeout = 15min

        # A gateway that hangs in a transaction must not hold locks for ever.
        idle_in_transaction_session_timeout = 60s

        timezone = 'UTC'
        datestyle = 'iso, mdy'
        default_text_search_config = 'pg_catalog.english'

        log_timezone = 'UTC'
        log_line_prefix = '%m [%p] '
        log_checkpoints = off
        log_min_duration_statement = 2s
        # Statements carry no values of ours in the log: bound values may be personal.
        log_parameter_max_length = 0
        log_parameter_max_length_on_error = 0

        """
}
