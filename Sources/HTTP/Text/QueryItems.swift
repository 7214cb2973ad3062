/// Names and values in order, repeats kept: a query, or a form's body. Both are read the way browsers write them, with
/// "+" for a space (WHATWG URL §5, application/x-www-form-urlencoded).
package struct QueryItems: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    package struct Item: Sendable, Equatable {
        package let name: String
        package let value: String
    }

    package private(set) var items: [Item] = []

    /// How many items are read before the text is refused: far more than any route of ours has parameters.
    package static let maximumCount = 256

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { append(name, value) }
    }

    /// Nil when an escape is broken, the text is not UTF-8, or there are more than ``maximumCount`` items. An absent
    /// query is an empty list.
    package init?(parsing query: String?) {
        guard let items = QueryItems.parse(Array((query ?? "").utf8)[...]) else { return nil }
        self.items = items
    }

    fileprivate init?(_ bytes: ArraySlice<UInt8>) {
        guard let items = QueryItems.parse(bytes) else { return nil }
        self.items = items
    }

    /// The first value of `name`.
    package subscript(name: String) -> String? {
        items.first { $0.name == name }?.value
    }

    package func values(of name: String) -> [String] {
        items.filter { $0.name == name }.map(\.value)
    }

    package var isEmpty: Bool { items.isEmpty }

    package mutating func append(_ name: String, _ value: String) {
        items.append(Item(name: name, value: value))
    }

    /// As a query, with "%20" for a space, which every server understands.
    package var encoded: String {
        items.map { PercentCoding.encode($0.name) + "=" + PercentCoding.encode($0.value) }.joined(separator: "&")
    }

    private static func parse(_ bytes: ArraySlice<UInt8>) -> [Item]? {
        var items: [Item] = []
        for part in bytes.split(separator: UInt8(ascii: "&")) {
            guard items.count < maximumCount else { return nil }
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let value = equals.map { part[part.index(after: $0)...] }
            guard let name = PercentCoding.decode(part[..<(equals ?? part.endIndex)], plusIsSpace: true),
                let value = PercentCoding.decode(value ?? [], plusIsSpace: true)
            else { return nil }
            items.append(Item(name: name, value: value))
        }
        return items
    }
}

/// application/x-www-form-urlencoded bodies.
package enum FormURLEncoded {
    package static let contentType: FieldValue = "application/x-www-form-urlencoded"

    /// Nil as ``QueryItems/init(parsing:)``.
    package static func decode(_ body: some Collection<UInt8>) -> QueryItems? {
        QueryItems(Array(body)[...])
    }

    package static func encode(_ items: QueryItems) -> [UInt8] {
        let parts = items.items.map { item in
            PercentCoding.encode(item.name, keeping: .form, spaceIsPlus: true) + "="
                + PercentCoding.encode(item.value, keeping: .form, spaceIsPlus: true)
        }
        return Array(parts.joined(separator: "&").utf8)
    }
}
