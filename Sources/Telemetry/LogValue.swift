/// A value in a log line. There is no case for a secret: a ``Secret`` can only be logged as its redaction.
package enum LogValue: Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByStringInterpolation
{
    case string(String)
    case int(Int)
    case double(Double)
    case bool(Bool)
    case strings([String])

    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int) { self = .int(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }

    /// The text of any value, such as an error's safe description.
    package static func text(_ value: some CustomStringConvertible) -> LogValue { .string(value.description) }

    func appendJSON(to line: inout String) {
        switch self {
        case .string(let value): line.appendJSONString(value)
        case .int(let value): line += String(value)
        case .double(let value): line += value.isFinite ? String(value) : "null"
        case .bool(let value): line += value ? "true" : "false"
        case .strings(let values):
            line += "["
            for (index, value) in values.enumerated() {
                if index > 0 { line += "," }
                line.appendJSONString(value)
            }
            line += "]"
        }
    }
}

extension String {
    /// Appends `value` as a JSON string (RFC 8259 §7), control characters escaped, so that a log line stays one line.
    mutating func appendJSONString(_ value: String) {
        append("\"")
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": append("\\\"")
            case "\\": append("\\\\")
            case "\n": append("\\n")
            case "\r": append("\\r")
            case "\t": append("\\t")
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                append("\\u" + String(repeating: "0", count: 4 - hex.count) + hex)
            default: unicodeScalars.append(scalar)
            }
        }
        append("\"")
    }
}
