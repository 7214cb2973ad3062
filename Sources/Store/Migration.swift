import Crypto
import FoundationEssentials

/// One file of `migrations/`: `NNNN_name.sql`.
package struct Migration: Sendable, Equatable {
    package let number: Int
    /// The file's name.
    package let file: String
    package let sql: String

    /// SHA-256 of the text.
    package var checksum: [UInt8] { SHA256.hash(sql) }

    package init(number: Int, file: String, sql: String) {
        self.number = number
        self.file = file
        self.sql = sql
    }

    /// Reads all migrations of a directory, in order. Throws when the directory cannot be read, a name has another form,
    /// or the numbers do not run from 1 without a hole.
    package static func load(from directory: String) throws(MigrationError) -> [Migration] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw MigrationError("the directory \(directory) cannot be read")
        }
        var migrations: [Migration] = []
        for name in names.sorted() where name.hasSuffix(".sql") {
            let digits = name.prefix { $0 != "_" }
            guard digits.utf8.count == 4, let number = Int(digits), name.utf8.count > 9 else {
                throw MigrationError("\(name) is not named NNNN_name.sql")
            }
            guard number == migrations.count + 1 else {
                throw MigrationError("\(name) is out of sequence: expected number \(migrations.count + 1)")
            }
            do {
                let sql = try String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)
                migrations.append(Migration(number: number, file: name, sql: sql))
            } catch {
                throw MigrationError("\(name) cannot be read")
            }
        }
        guard !migrations.isEmpty else { throw MigrationError("\(directory) holds no migrations") }
        return migrations
    }
}

/// Why the schema cannot be brought up to date. Says which file, for whoever starts the service.
package struct MigrationError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
