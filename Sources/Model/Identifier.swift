/// An id that this gateway makes: a prefix that says what it names, and a ULID, so that ids sort by age.
///
/// It is text in JSON, SQL and URLs; the type keeps one kind from being passed for another.
package protocol Identifier: RawRepresentable<String>, LosslessStringConvertible, Hashable, Sendable, Codable,
    Comparable
{
    /// The prefix with its underscore, such as `ten_`.
    static var prefix: String { get }
    init(unchecked text: String)
}

extension Identifier {
    /// Reads an id; nil unless it has the prefix followed by 1 to 40 letters and digits.
    package init?(_ text: String) {
        let rest = text.dropFirst(Self.prefix.count)
        guard text.hasPrefix(Self.prefix), (1...40).contains(rest.utf8.count),
            rest.utf8.allSatisfy({
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
            })
        else { return nil }
        self.init(unchecked: text)
    }

    package init?(rawValue: String) {
        self.init(rawValue)
    }

    package var text: String { rawValue }

    package var description: String { rawValue }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = Self(text) else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath, debugDescription: "expected an id that begins with \(Self.prefix)"))
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// One customer of this deployment. Everything that is stored belongs to exactly one.
package struct TenantID: Identifier {
    package static let prefix = "ten_"
    package let rawValue: String
    package init(unchecked text: String) { rawValue = text }
}

/// One Kick developer application.
package struct AppID: Identifier {
    package static let prefix = "app_"
    package let rawValue: String
    package init(unchecked text: String) { rawValue = text }
}

/// An API key of a tenant (not its secret).
package struct KeyID: Identifier {
    package static let prefix = "key_"
    package let rawValue: String
    package init(unchecked text: String) { rawValue = text }
}

/// The grant of one Kick account for one tenant through one app. It outlives refresh, disconnect and reconnect.
package struct LoginID: Identifier {
    package static let prefix = "login_"
    package let rawValue: String
    package init(unchecked text: String) { rawValue = text }
}

/// A link that a broadcaster opens to log in.
package struct ConnectLinkID: Identifier {
    package static let prefix = "link_"
    package let rawValue: String
    package init(unchecked text: String) { rawValue = text }
}
