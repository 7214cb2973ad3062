/// Why stored data cannot be opened as a whole. For the operator; names key ids, never keys.
package enum VaultError: Error, Equatable, CustomStringConvertible {
    /// Data is sealed under these keys of the environment, and they are not there.
    case missing(keys: [String])
    /// The environment has a key named `under`, but it is another one than the one that wrapped the data key `key`.
    case doesNotOpen(key: String, under: String)
    /// The environment has a key of that name, but it is another one than the one that sealed the rows.
    case opensNothing(key: String)

    package var description: String {
        switch self {
        case .missing(let keys):
            let names = keys.map { "\"\($0)\"" }.joined(separator: ", ")
            return "GATEWAY_ENCRYPTION_KEYS lacks \(names): stored secrets are sealed under it"
        case .doesNotOpen(let key, let master):
            return "GATEWAY_ENCRYPTION_KEYS: \"\(master)\" is not the key of that name that wrapped the data key \(key)"
        case .opensNothing(let key):
            return
                "GATEWAY_ENCRYPTION_KEYS: \"\(key)\" is not the key of that name that the stored secrets are sealed under"
        }
    }

    /// One of several to tell of: all that are missing, else the first that is wrong; nil for none.
    static func worst(of errors: [VaultError]) -> VaultError? {
        let missing = errors.flatMap { error in
            if case .missing(let keys) = error { keys } else { [String]() }
        }
        return missing.isEmpty ? errors.first : .missing(keys: Set(missing).sorted())
    }
}
