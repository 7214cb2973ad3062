/// Which events a reader wants.
package struct EventFilter: Sendable, Equatable {
    /// The most types, and the most broadcasters, that one filter may name.
    package static let limit = 100

    /// Nil: every type, also those that Kick adds tomorrow.
    package let types: EventTypes?
    /// Nil: every broadcaster of the tenant.
    package let broadcasters: Set<Int64>?

    package init(types: EventTypes? = nil, broadcasters: Set<Int64>? = nil) {
        self.types = types
        self.broadcasters = broadcasters
    }

    /// Reads what a caller wrote: the items of the lists `types` and `broadcasters`, nil for a list that was not given.
    /// Throws `invalid`, naming the list.
    package init(types: [String]?, broadcasters: [String]?) throws(GatewayError) {
        self.types = try types.flatMap { list throws(GatewayError) in try EventTypes(parsing: list) }
        self.broadcasters = try broadcasters.map { list throws(GatewayError) in try Self.broadcasters(list) }
    }

    package static let everything = EventFilter()

    package func admits(type: String, broadcaster: Int64) -> Bool {
        if let types, !types.contains(type) { return false }
        if let broadcasters, !broadcasters.contains(broadcaster) { return false }
        return true
    }

    private static func broadcasters(_ list: [String]) throws(GatewayError) -> Set<Int64> {
        guard (1...limit).contains(list.count) else {
            throw GatewayError(.invalid, "must name 1 to \(limit) broadcasters", field: "broadcasters")
        }
        var result: Set<Int64> = []
        for text in list {
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let id = Int64(text), id > 0 else {
                throw GatewayError(.invalid, "must be user ids of broadcasters, such as 123456", field: "broadcasters")
            }
            result.insert(id)
        }
        return result
    }
}

/// Event types by name, and by the beginning of their names.
package struct EventTypes: Sendable, Equatable, ExpressibleByArrayLiteral {
    package let names: Set<String>
    /// Each with the dot that ends it: `channel.subscription.` for `channel.subscription.*`.
    package let prefixes: [String]

    package init(names: Set<String>, prefixes: [String] = []) {
        self.names = names
        self.prefixes = prefixes
    }

    package init(arrayLiteral names: String...) {
        self.init(names: Set(names))
    }

    /// Reads names, and patterns whose last segment is a star. Nil for `*`, which is every type. Throws `invalid`, naming
    /// the field `types`.
    package init?(parsing list: [String]) throws(GatewayError) {
        guard (1...EventFilter.limit).contains(list.count) else {
            throw GatewayError(.invalid, "must name 1 to \(EventFilter.limit) event types", field: "types")
        }
        var names: Set<String> = []
        var prefixes: Set<String> = []
        var isEverything = false
        for text in list {
            if text == "*" {
                isEverything = true
            } else if text.hasSuffix(".*"), Self.isName(text.dropLast(2)) {
                prefixes.insert(String(text.dropLast()))
            } else if Self.isName(text[...]) {
                names.insert(text)
            } else {
                throw GatewayError(
                    .invalid,
                    "must be event types such as channel.followed, channel.subscription.* or *; a star stands only at the end",
                    field: "types")
            }
        }
        if isEverything { return nil }
        self.init(names: names, prefixes: prefixes.sorted())
    }

    package func contains(_ type: String) -> Bool {
        names.contains(type) || prefixes.contains { type.hasPrefix($0) }
    }

    /// Whether every segment between dots has characters, and only those that names have.
    private static func isName(_ text: Substring) -> Bool {
        guard (1...100).contains(text.utf8.count) else { return false }
        return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { segment in
            !segment.isEmpty
                && segment.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                        true
                    default: false
                    }
                }
        }
    }
}
