import FoundationEssentials
import Glibc

/// What stat(2) says that this room needs.
struct FileStatus: Equatable, Sendable {
    let uid: uid_t
    let gid: gid_t
    /// Type and permission bits.
    let mode: UInt32
    let device: UInt64
    let inode: UInt64

    /// Nil when the path does not exist or may not be looked at. A symbolic link is followed.
    init?(following path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        uid = status.st_uid
        gid = status.st_gid
        mode = status.st_mode
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    var isDirectory: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }

    func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}

/// Small steps on files; each failure is a `PostgresClusterError` that names the path.
enum Files {
    static func exists(_ path: String) -> Bool { FileStatus(following: path) != nil }

    static func isExecutable(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

    /// Makes the directory and its parents where they are missing, with mode `mode` for each.
    static func makeDirectories(_ path: String, mode: mode_t) throws(PostgresClusterError) {
        var walked = path.hasPrefix("/") ? "" : "."
        for part in path.split(separator: "/") {
            walked += "/\(part)"
            guard unsafe mkdir(walked, mode) != 0, errno != EEXIST, !exists(walked) else { continue }
            throw failure("make the directory", walked)
        }
        guard FileStatus(following: path)?.isDirectory == true else {
            throw PostgresClusterError(.files, "\(path) is not a directory.")
        }
    }

    /// The path without symbolic links, `.` and `..`.
    static func canonicalPath(_ path: String) throws(PostgresClusterError) -> String {
        guard let resolved = unsafe realpath(path, nil) else { throw failure("resolve", path) }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// Makes one directory with exactly these rights, or gives an existing one these rights.
    static func makePrivateDirectory(_ path: String, for user: ClusterUser) throws(PostgresClusterError) {
        if unsafe mkdir(path, 0o700) != 0 && errno != EEXIST { throw failure("make the directory", path) }
        if user.mustSwitch, unsafe chown(path, user.user.uid, user.user.gid) != 0 {
            throw failure("give user \"\(user.user.name)\"", path)
        }
        if unsafe chmod(path, 0o700) != 0 { throw failure("set the mode of", path) }
    }

    static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The text of a small file, nil when it cannot be read.
    static func text(of path: String) -> String? {
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        return String(decoding: data, as: UTF8.self)
    }

    /// Replaces the file as a whole: a crash leaves the old or the new text.
    static func write(_ text: String, to path: String, mode: mode_t) throws(PostgresClusterError) {
        let temporary = path + ".new"
        unsafe unlink(temporary)
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw failure("write", temporary) }
        defer { close(descriptor) }
        // The mode of open(2) is cut down by the umask.
        guard fchmod(descriptor, mode) == 0, writeAll(Array(text.utf8), to: descriptor), fsync(descriptor) == 0 else {
            throw failure("write", temporary)
        }
        guard unsafe Glibc.rename(temporary, path) == 0 else { throw failure("replace", path) }
    }

    /// Renames and makes the new name last through a power cut.
    static func rename(_ old: String, to new: String, in directory: String) throws(PostgresClusterError) {
        guard unsafe Glibc.rename(old, new) == 0 else { throw failure("rename \(old) to", new) }
        let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("sync", directory) }
    }

    /// Writes every byte, or says false with errno set.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        unsafe bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = unsafe Glibc.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                if count < 0 && errno == EINTR { continue }
                if count < 0 { return false }
                written += count
            }
            return true
        }
    }

    static func failure(_ verb: String, _ path: String) -> PostgresClusterError {
        PostgresClusterError(.files, "Cannot \(verb) \(path): \(systemMessage(errno)).")
    }

    /// What the C library says about an error number.
    static func systemMessage(_ code: Int32) -> String {
        unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }
}
