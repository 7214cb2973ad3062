/// A JSON value whose objects keep the order of their members, and whose numbers keep their text.
///
/// Kick signs bytes, so what the sandbox sends must be made in one definite order; Foundation's encoder either shuffles
/// or sorts.
package enum JSON: Hashable, Sendable {
    /// One name and value of an object.
    package struct Member: Hashable, Sendable {
        package let name: String
        package let value: JSON

        package init(name: String, value: JSON) {
            self.name = name
            self.value = value
        }
    }

    case null
    case bool(Bool)
    /// The number as it is written (RFC 8259 §6).
    case number(String)
    case string(String)
    case array([JSON])
    /// In order; a repeated name is kept, and reading finds the first.
    case object([Member])

    /// A whole number.
    package static func integer(_ value: some BinaryInteger) -> JSON { .number(String(value)) }

    /// The text, or null.
    package static func optional(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }

    // MARK: Reading

    /// The member of that name. An explicit null counts as absent, as with Kick (FACTS §10).
    package subscript(name: String) -> JSON? {
        guard case .object(let members) = self, let found = members.first(where: { $0.name == name }),
            found.value != .null
        else { return nil }
        return found.value
    }

    package var stringValue: String? { if case .string(let value) = self { value } else { nil } }

    /// Nil for a fraction, an exponent, or a number beyond 64 bits.
    package var integerValue: Int? { if case .number(let text) = self { Int(text) } else { nil } }

    package var doubleValue: Double? { if case .number(let text) = self { Double(text) } else { nil } }

    package var boolValue: Bool? { if case .bool(let value) = self { value } else { nil } }

    package var arrayValue: [JSON]? { if case .array(let values) = self { values } else { nil } }

    package var isObject: Bool { if case .object = self { true } else { false } }

    // MARK: Writing

    /// Compact text: no white space, members in their order.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    private func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let text): bytes.append(contentsOf: text.utf8)
        case .string(let value): JSON.append(value, to: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSON.append(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)

    private static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0A: bytes.append(contentsOf: #"\n"#.utf8)
            case 0x0D: bytes.append(contentsOf: #"\r"#.utf8)
            case 0x09: bytes.append(contentsOf: #"\t"#.utf8)
            case 0..<0x20:
                bytes.append(contentsOf: #"\u00"#.utf8)
                bytes.append(hexDigits[Int(byte >> 4)])
                bytes.append(hexDigits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSON: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringInterpolation,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    // No nil literal: in `condition ? value : nil` it would stand for null where the absence of a value is meant.

    package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }

    package init(arrayLiteral elements: JSON...) { self = .array(elements) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .number(String(value)) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}
