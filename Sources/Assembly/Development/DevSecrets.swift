import Crypto
import FoundationEssentials
import Glibc

/// What `kick-gateway dev` makes up at its first start and keeps, so that a second start finds its data again. In a file
/// of the data directory that only its owner can read.
struct DevSecrets: Codable {
    var encryptionKeys: String
    var adminKey: String
    /// The demo tenant's API key, once it was made.
    var demoKey: String?

    private static let file = "dev.json"

    static func load(from directory: String) throws -> DevSecrets {
        let path = "\(directory)/\(file)"
        if FileManager.default.fileExists(atPath: path) {
            return try JSONDecoder().decode(DevSecrets.self, from: Data(contentsOf: URL(filePath: path)))
        }
        let secrets = DevSecrets(
            encryptionKeys: try SealingKey.random(id: "dev1").revealText(),
            adminKey: SecretToken(prefix: "kga_").reveal())
        try secrets.save(to: directory)
        return secrets
    }

    /// Written beside and renamed, so that a crash leaves the old file or the new one.
    func save(to directory: String) throws {
        let path = "\(directory)/\(Self.file)"
        let temporary = path + ".new"
        let bytes = Array(try JSONEncoder().encode(self))
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DevError("cannot write \(temporary)") }
        defer { close(descriptor) }
        guard unsafe write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
            unsafe rename(temporary, path) == 0
        else { throw DevError("cannot write \(path)") }
    }
}

/// Why the development setup cannot start, in words for who started it.
struct DevError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
