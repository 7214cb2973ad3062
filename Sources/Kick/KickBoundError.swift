/// What was to be asked is outside of what Kick takes (FACTS §2): found before Kick is asked.
package struct KickBoundError: Error, Equatable, Sendable {
    /// The field, as the gateway's callers know it; `body` when it is about several.
    package let field: String
    /// The bound and what was found: "must be 1 to 500 characters, is 512". Repeats no value but numbers.
    package let message: String

    package init(_ field: String, _ message: String) {
        self.field = field
        self.message = message
    }
}

extension KickBoundError: CustomStringConvertible {
    /// Safe for clients.
    package var description: String { "\(field) \(message)" }
}

/// The checks that bounds have in common. `field` is always the gateway's name.
enum Bound {
    /// A number within `range`.
    static func number<Number: BinaryInteger>(
        _ number: Number, _ range: ClosedRange<Number>, _ field: String
    ) throws(KickBoundError) {
        guard range.contains(number) else {
            throw KickBoundError(field, "must be \(range.lowerBound) to \(range.upperBound), is \(number)")
        }
    }

    /// A number of at least 1: ids of users and categories, prices.
    static func positive(_ number: some BinaryInteger, _ field: String) throws(KickBoundError) {
        guard number >= 1 else { throw KickBoundError(field, "must be at least 1, is \(number)") }
    }

    /// As many elements as `range` says.
    static func count(_ elements: some Collection, _ range: ClosedRange<Int>, _ field: String) throws(KickBoundError) {
        guard range.contains(elements.count) else {
            let bound =
                range.lowerBound == 0 ? "at most \(range.upperBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw KickBoundError(field, "must be \(bound) entries, is \(elements.count)")
        }
    }

    /// Unicode characters, as Kick and JSON Schema count them (code points). With a lower bound of 1 or more, blanks alone
    /// are refused as well.
    static func text(_ text: String, _ range: ClosedRange<Int>, _ field: String) throws(KickBoundError) {
        try characters(text.unicodeScalars.count, range, field)
        if range.lowerBound > 0 { try notBlank(text, field) }
    }

    /// A number of characters that was counted somehow.
    static func characters(_ count: Int, _ range: ClosedRange<Int>, _ field: String) throws(KickBoundError) {
        guard range.contains(count) else {
            let bound =
                range.lowerBound == 0 ? "at most \(range.upperBound)" : "\(range.lowerBound) to \(range.upperBound)"
            throw KickBoundError(field, "must be \(bound) characters, is \(count)")
        }
    }

    /// At least one character that is no white space.
    static func notBlank(_ text: String, _ field: String) throws(KickBoundError) {
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
            throw KickBoundError(field, "must not be empty or blank")
        }
    }

    /// An opaque text of Kick's, such as a cursor: so long, and nothing that cannot be read.
    static func opaque(_ text: String, _ range: ClosedRange<Int>, _ field: String) throws(KickBoundError) {
        try characters(text.unicodeScalars.count, range, field)
        guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw KickBoundError(field, "must not hold control characters")
        }
    }

    /// Each element once.
    static func unique(_ elements: some Collection<some Hashable>, _ field: String) throws(KickBoundError) {
        let doubles = elements.count - Set(elements).count
        guard doubles == 0 else {
            throw KickBoundError(field, "must name each entry once, has \(doubles) too many")
        }
    }
}

/// An id that Kick made: of a message, a reward, a redemption, a claim, a campaign. Opaque: Kick's own documents show
/// ids that are no ULIDs (FACTS §2.1).
package struct KickID: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// Throws for what cannot be an id, above all for what would lead elsewhere when it stands in a path.
    package init(_ text: String, named field: String) throws(KickBoundError) {
        try Bound.characters(text.unicodeScalars.count, 1...64, field)
        let isSafe = text.unicodeScalars.allSatisfy { scalar in
            !scalar.properties.isWhitespace && scalar.properties.generalCategory != .control && scalar != "/"
                && scalar != "\\"
        }
        guard isSafe, text != ".", text != ".." else { throw KickBoundError(field, "is not an id of Kick's") }
        self.text = text
    }

    /// Ids, one by one.
    static func list(_ texts: [String], named field: String) throws(KickBoundError) -> [KickID] {
        var ids: [KickID] = []
        for text in texts { ids.append(try KickID(text, named: field)) }
        return ids
    }

    /// Nil for nil.
    static func ifAny(_ text: String?, named field: String) throws(KickBoundError) -> KickID? {
        guard let text else { return nil }
        return try KickID(text, named: field)
    }

    package var description: String { text }
}
