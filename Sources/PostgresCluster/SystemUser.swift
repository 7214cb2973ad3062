import Glibc

/// An entry of the user database (passwd(5)).
struct SystemUser: Equatable, Sendable {
    let uid: uid_t
    let gid: gid_t
    let name: String

    init?(named name: String) {
        unsafe self.init { entry, buffer, capacity, found in
            unsafe getpwnam_r(name, entry, buffer, capacity, found)
        }
    }

    init?(uid: uid_t) {
        unsafe self.init { entry, buffer, capacity, found in
            unsafe getpwuid_r(uid, entry, buffer, capacity, found)
        }
    }

    /// The user that this process acts as.
    static var current: SystemUser? { SystemUser(uid: geteuid()) }

    private typealias Lookup = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32

    private init?(_ lookup: Lookup) {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        // Large enough for any sane entry; an entry that does not fit counts as absent.
        let capacity = 16_384
        let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: capacity)
        defer { unsafe buffer.deallocate() }
        guard unsafe lookup(&entry, buffer, capacity, &found) == 0, unsafe found != nil else { return nil }
        uid = unsafe entry.pw_uid
        gid = unsafe entry.pw_gid
        name = unsafe String(cString: entry.pw_name)
    }
}

/// Who runs PostgreSQL, and whether that is somebody else than this process.
struct ClusterUser: Equatable, Sendable {
    let user: SystemUser
    /// Set when this process is root: children change to `user`, and what they own must be given to them.
    let mustSwitch: Bool

    /// Decides for a cluster directory.
    ///
    /// PostgreSQL refuses to run as root, so root lends the work to the owner of the existing data, and without data
    /// to the user `preferred`. An ordinary user can only open data of its own.
    ///
    /// - Parameters:
    ///   - dataOwner: owner of the existing data, nil when there is none yet.
    ///   - directory: for the error text.
    static func resolve(
        preferred: String, dataOwner: uid_t?, directory: String
    ) throws(PostgresClusterError) -> ClusterUser {
        let uid = geteuid()
        if uid == 0 {
            if let dataOwner, dataOwner != 0 {
                guard let owner = SystemUser(uid: dataOwner) else {
                    throw PostgresClusterError(
                        .user, "\(directory) belongs to user id \(dataOwner), which has no name in /etc/passwd.")
                }
                return ClusterUser(user: owner, mustSwitch: true)
            }
            guard let user = SystemUser(named: preferred), user.uid != 0 else {
                throw PostgresClusterError(
                    .user,
                    """
                    PostgreSQL does not run as root, and there is no user "\(preferred)" to run it as. \
                    Install the package postgresql, which makes that user, or start the gateway as an ordinary user.
                    """)
            }
            return ClusterUser(user: user, mustSwitch: true)
        }
        guard let user = SystemUser(uid: uid) else {
            throw PostgresClusterError(
                .user, "User id \(uid) has no name in /etc/passwd, without which PostgreSQL does not start.")
        }
        if let dataOwner, dataOwner != uid {
            let owner = SystemUser(uid: dataOwner)?.name ?? "id \(dataOwner)"
            throw PostgresClusterError(
                .user,
                """
                \(directory) belongs to user "\(owner)", but the gateway runs as "\(user.name)". \
                Start it as that user or as root, or choose another data directory (GATEWAY_DATA_DIR).
                """)
        }
        return ClusterUser(user: user, mustSwitch: false)
    }

    /// Checks that the user may pass every directory on the way to `path`, which exists and is absolute.
    ///
    /// Mode bits only: an access list that grants or denies more is not seen, and PostgreSQL then says so itself.
    func checkCanReach(_ path: String) throws(PostgresClusterError) {
        guard mustSwitch else { return }
        var walked = ""
        for part in ["/"] + path.split(separator: "/").map(String.init) {
            walked = part == "/" ? "/" : (walked == "/" ? "/\(part)" : "\(walked)/\(part)")
            guard let status = FileStatus(following: walked) else { continue }
            let bit: UInt32 = status.uid == user.uid ? 0o100 : (status.gid == user.gid ? 0o010 : 0o001)
            if status.mode & bit == 0 {
                throw PostgresClusterError(
                    .user,
                    """
                    PostgreSQL runs as user "\(user.name)", who may not enter \(walked) \
                    (mode \(String(status.mode & 0o7777, radix: 8))), on the way to the data directory \(path). \
                    Set GATEWAY_DATA_DIR to a directory that this user can reach, such as /var/lib/kick-gateway, \
                    or start the gateway as an ordinary user.
                    """)
            }
        }
    }
}
