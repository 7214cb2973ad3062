/// The value of a header field that we send. One with CR, LF, NUL or another control character cannot be made
/// (RFC 9110 §5.5), so nothing a caller passes on can begin a line of its own on the wire.
package struct FieldValue: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: String

    /// Nil when `text` holds a control character other than a tab, or begins or ends with white space.
    package init?(_ text: String) {
        guard FieldValue.isValid(text) else { return nil }
        self.text = text
    }

    /// A number in decimal digits.
    package init(_ number: some BinaryInteger) {
        text = String(number)
    }

    /// Traps when the literal is not a valid value.
    package init(stringLiteral text: String) {
        precondition(FieldValue.isValid(text), "a field value holds no control character")
        self.text = text
    }

    /// For text that is valid by construction.
    init(unchecked text: String) {
        self.text = text
    }

    /// Any text, made valid by writing a space for each byte that is not allowed, and trimmed.
    package init(replacingInvalidIn text: String) {
        let bytes = text.utf8.map { ASCII.isFieldValueByte($0) ? $0 : ASCII.space }
        var slice = bytes[...]
        while let first = slice.first, ASCII.isBlank(first) { slice.removeFirst() }
        while let last = slice.last, ASCII.isBlank(last) { slice.removeLast() }
        self.text = String(decoding: slice, as: UTF8.self)
    }

    private static func isValid(_ text: String) -> Bool {
        let bytes = text.utf8
        if let first = bytes.first, ASCII.isBlank(first) { return false }
        if let last = bytes.last, ASCII.isBlank(last) { return false }
        return bytes.allSatisfy(ASCII.isFieldValueByte)
    }

    package var description: String { text }
}
