/// Why a private cluster could not be started.
///
/// It is read by whoever starts the gateway, on a terminal or in a service log: the description says what is wrong
/// with which path and what to do. It holds no secret.
package struct PostgresClusterError: Error, Equatable, CustomStringConvertible {
    package enum Kind: Equatable, Sendable {
        /// No PostgreSQL server is installed, or not the version that the data was written by.
        case notInstalled
        /// The operating system's user for PostgreSQL is missing, or may not enter the data directory.
        case user
        /// Another running gateway owns the data directory.
        case inUse
        /// A file or directory could not be made or read.
        case files
        /// A PostgreSQL program ran and failed, or was not ready in time.
        case failed
    }

    package let kind: Kind
    package let description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
