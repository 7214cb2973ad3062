/// Why the sandbox cannot start or go on. Holds no secrets.
package enum SandboxError: Error, Equatable, Sendable {
    /// The state file cannot be read, understood or written.
    case stateFile(path: String, reason: String)
    /// The configuration cannot be used.
    case configuration(reason: String)
}

extension SandboxError: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String {
        switch self {
        case .stateFile(let path, let reason): "state file \(path): \(reason)"
        case .configuration(let reason): reason
        }
    }

    package var debugDescription: String { "SandboxError: \(description)" }
}
