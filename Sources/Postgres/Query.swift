/// SQL text and the values for its parameters.
///
/// Written as a string literal; every interpolated value is bound, never pasted, so that data stays data:
/// ```swift
/// let query: Query = "SELECT id FROM logins WHERE tenant_id = \(tenant) AND type = ANY(\(types))"
/// ```
/// A text parameter is declared `text`; where a column has another type that text must become, cast it:
/// `\(id)::uuid`. The same literal gives the same text each time, which a connection prepares once.
package struct Query: Sendable, ExpressibleByStringInterpolation {
    /// With `$1`, `$2` … in the places of the values.
    package private(set) var sql: String
    /// The declared types of the parameters.
    package private(set) var types: [DataType] = []

    /// All encoded values one after the other, and where each lies.
    private(set) var bytes: [UInt8] = []
    private(set) var slots: [Slot] = []

    struct Slot: Equatable, Sendable {
        let offset: Int
        /// -1 is NULL.
        let length: Int
    }

    package init(stringLiteral sql: String) {
        self.sql = sql
    }

    /// SQL without parameters that is not a literal: a migration's text. Never put data into it.
    package init(unescaped sql: String) {
        self.sql = sql
    }

    package init(stringInterpolation: StringInterpolation) {
        self = stringInterpolation.query
    }

    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var query: Query

        package init(literalCapacity: Int, interpolationCount: Int) {
            query = Query(stringLiteral: "")
            query.sql.reserveCapacity(literalCapacity + 3 * interpolationCount)
            query.types.reserveCapacity(interpolationCount)
            query.slots.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) {
            query.sql += literal
        }

        /// Binds the value as the next parameter.
        package mutating func appendInterpolation(_ value: some Bindable) {
            query.bind(value)
        }

        /// The same for an optional: nil is NULL. Without it the compiler takes an optional for a slip.
        package mutating func appendInterpolation<Value: Bindable>(_ value: Value?) {
            query.bind(value)
        }

        /// Pastes text as it is: a column list or a clause that the program itself chose. Never data.
        package mutating func appendInterpolation(unescaped text: String) {
            query.sql += text
        }

        /// Inserts another query with its values; its parameters are numbered on.
        package mutating func appendInterpolation(_ fragment: Query) {
            query.append(fragment)
        }

        /// Pastes a name as a quoted identifier (a table, a channel).
        package mutating func appendInterpolation(identifier name: String) {
            query.sql += Query.quoted(identifier: name)
        }
    }

    /// The name in double quotes, with those inside doubled. A zero byte, which no name can hold, ends the name.
    static func quoted(identifier name: String) -> String {
        "\"\(name.prefix { $0 != "\0" }.replacing("\"", with: "\"\""))\""
    }

    private mutating func bind<Value: Bindable>(_ value: Value) {
        let offset = bytes.count
        let isNull = !value.encode(into: &bytes)
        if isNull { bytes.removeSubrange(offset...) }
        types.append(Value.dataType)
        slots.append(Slot(offset: offset, length: isNull ? -1 : bytes.count - offset))
        sql += "$\(slots.count)"
    }

    private mutating func append(_ fragment: Query) {
        let base = bytes.count
        let first = slots.count
        bytes += fragment.bytes
        types += fragment.types
        slots += fragment.slots.map { Slot(offset: $0.offset + base, length: $0.length) }
        sql += first == 0 ? fragment.sql : Self.renumber(fragment.sql, by: first)
    }

    /// Adds `first` to every `$n` outside of quotes. Fragments are the program's own text: a dollar-quoted body, which
    /// is not looked for, has no place in one.
    private static func renumber(_ sql: String, by first: Int) -> String {
        var result = ""
        var quote: Character?
        var index = sql.startIndex
        while index < sql.endIndex {
            let character = sql[index]
            index = sql.index(after: index)
            result.append(character)
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == "$" {
                let digits = sql[index...].prefix { $0.isASCII && $0.isNumber }
                guard let number = Int(digits) else { continue }
                result += String(number + first)
                index = digits.endIndex
            }
        }
        return result
    }
}
