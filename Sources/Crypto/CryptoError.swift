/// What the Crypto room can refuse.
///
/// `description` never holds key material, plaintext or a token; key ids are not secret and are named.
package enum CryptoError: Error, Equatable, Sendable {
    /// The sealed bytes name a key that the key ring does not hold.
    case unknownKey(id: String)
    /// The sealed bytes are damaged, cut, or were sealed for another place (table, tenant, row or column).
    case doesNotOpen
    /// The text of a key ring cannot be used; the reason names the key id or the entry's position.
    case badKeyRing(reason: String)
    /// A PEM text or the key in it cannot be used.
    case badKey(reason: String)
}

extension CryptoError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Safe for logs and clients.
    package var description: String {
        switch self {
        case .unknownKey(let id): "sealed with key \"\(id)\", which is not in the key ring"
        case .doesNotOpen: "sealed bytes do not open: damaged, or sealed for another place"
        case .badKeyRing(let reason): "bad key ring: \(reason)"
        case .badKey(let reason): "bad key: \(reason)"
        }
    }

    /// The same as `description`: there is nothing more to tell that may be told.
    package var debugDescription: String { "CryptoError: \(description)" }
}
