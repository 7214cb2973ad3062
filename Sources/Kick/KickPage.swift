/// A part of a list, and where the next one begins.
package struct KickPage<Element: Sendable>: Sendable {
    package let elements: [Element]
    /// Nil at the end of the list. There may be an empty page before (FACTS §2.1).
    package let nextCursor: String?

    package init(elements: [Element], nextCursor: String?) {
        self.elements = elements
        self.nextCursor = nextCursor
    }
}

extension KickPage: Equatable where Element: Equatable {}

/// `{"data": [...], "message": …, "pagination": {"next_cursor": …}}` (FACTS §2.1), and what is seen in its place.
struct ListEnvelope<Element: Decodable>: Decodable {
    /// Empty for `null` and `{}`.
    let elements: [Element]
    /// Nil for an empty one.
    let nextCursor: String?

    enum CodingKeys: String, CodingKey {
        case data, pagination
    }

    private struct Pagination: Decodable {
        let nextCursor: String?

        enum CodingKeys: String, CodingKey {
            case nextCursor = "next_cursor"
        }

        init(from decoder: any Decoder) throws {
            nextCursor = try decoder.container(keyedBy: CodingKeys.self).decodeText(forKey: .nextCursor)
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if try container.decodeNil(forKey: .data) || container.holdsEmptyObject(forKey: .data) {
            elements = []
        } else {
            elements = try container.decode([Element].self, forKey: .data)
        }
        nextCursor = try container.decodeIfPresent(Pagination.self, forKey: .pagination)?.nextCursor
    }
}

extension KeyedDecodingContainer {
    /// Whether `{}` stands there.
    func holdsEmptyObject(forKey key: Key) -> Bool {
        (try? decode([String: Ignored].self, forKey: key).isEmpty) ?? false
    }
}

/// Any value, not looked at.
private struct Ignored: Decodable {
    init(from decoder: any Decoder) throws {}
}
