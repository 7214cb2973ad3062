/// A five-character class of server errors (PostgreSQL documentation, appendix A).
package struct SQLState: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package var description: String { rawValue }

    package static let uniqueViolation = SQLState(rawValue: "23505")
    package static let foreignKeyViolation = SQLState(rawValue: "23503")
    package static let notNullViolation = SQLState(rawValue: "23502")
    package static let checkViolation = SQLState(rawValue: "23514")
    package static let serializationFailure = SQLState(rawValue: "40001")
    package static let deadlockDetected = SQLState(rawValue: "40P01")
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    package static let queryCanceled = SQLState(rawValue: "57014")
    package static let insufficientPrivilege = SQLState(rawValue: "42501")
    package static let syntaxError = SQLState(rawValue: "42601")
    package static let undefinedTable = SQLState(rawValue: "42P01")
    package static let divisionByZero = SQLState(rawValue: "22012")
    package static let invalidText = SQLState(rawValue: "22021")
    package static let inFailedTransaction = SQLState(rawValue: "25P02")
    static let featureNotSupported = SQLState(rawValue: "0A000")
    static let invalidStatementName = SQLState(rawValue: "26000")
}

/// Why a query gave no rows.
///
/// `description` is safe for clients and logs. `debugDescription` adds the server's message, which may quote values:
/// it is for a developer's eyes.
package struct DatabaseError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// There is no connection to be had (pool exhausted, server away, shut down), or it was lost.
        case unavailable
        /// The deadline passed before the server answered.
        case timedOut
        /// The task was cancelled.
        case cancelled
        /// The server refused the statement.
        case server(SQLState)
        /// A column's type or value does not fit what was asked for.
        case decoding
        /// The program used the room wrongly: malformed options, COPY, more than 65,535 parameters.
        case misuse
    }

    package let kind: Kind
    /// The statement, or the COMMIT, was sent and its answer never came: it may have taken effect, or not. False when
    /// it is certain that nothing was changed.
    package let outcomeIsUnknown: Bool
    /// The constraint that was violated, where the server names one.
    package let constraint: String?
    private let summary: String
    private let details: String

    init(
        _ kind: Kind, _ summary: StaticString, details: String = "", constraint: String? = nil,
        outcomeIsUnknown: Bool = false
    ) {
        self.kind = kind
        self.summary = summary.description
        self.details = details
        self.constraint = constraint
        self.outcomeIsUnknown = outcomeIsUnknown
    }

    /// The state of a refusal by the server.
    package var sqlState: SQLState? {
        if case .server(let state) = kind { return state }
        return nil
    }

    /// Whether the same may succeed later without any change: an answer of 503, not of 500.
    package var isUnavailable: Bool { kind == .unavailable || kind == .timedOut }

    package var description: String {
        if let sqlState { return "\(summary) (SQLSTATE \(sqlState))" }
        return summary
    }

    package var debugDescription: String {
        let unknown = outcomeIsUnknown ? " [outcome unknown]" : ""
        return details.isEmpty ? description + unknown : "\(description)\(unknown): \(details)"
    }

    /// The same with the question of the outcome answered.
    func outcome(unknown: Bool) -> DatabaseError {
        DatabaseError(
            kind: kind, summary: summary, details: details, constraint: constraint, outcomeIsUnknown: unknown)
    }

    private init(kind: Kind, summary: String, details: String, constraint: String?, outcomeIsUnknown: Bool) {
        self.kind = kind
        self.summary = summary
        self.details = details
        self.constraint = constraint
        self.outcomeIsUnknown = outcomeIsUnknown
    }
}

extension DatabaseError {
    static let poolExhausted = DatabaseError(.unavailable, "no database connection became free in time")
    static let queueFull = DatabaseError(.unavailable, "too many requests wait for a database connection")
    static let shutDown = DatabaseError(.unavailable, "the database pool is shut down")
    static let cancelled = DatabaseError(.cancelled, "the task was cancelled")
    static let timedOut = DatabaseError(.timedOut, "the database did not answer in time")

    static func cannotConnect(_ details: String) -> DatabaseError {
        DatabaseError(.unavailable, "cannot connect to the database", details: details)
    }

    static func connectionLost(_ details: String) -> DatabaseError {
        DatabaseError(.unavailable, "the connection to the database was lost", details: details)
    }
}
