/// Header fields in order, names compared without regard to case, repeats kept (RFC 9110 §5.3).
///
/// All lines live in one array of bytes, `Name: value CRLF` after one another, with a slot of offsets for each, so
/// parsing costs no allocation per field and serialising is one copy. In a parsed head the same array begins with the
/// start line. Strings are made when somebody asks.
package struct Fields: Sendable {
    /// Where one field's name and value lie in `storage`.
    struct Slot: BitwiseCopyable, Sendable {
        var nameStart: UInt32
        var nameLength: UInt32
        var valueStart: UInt32
        var valueLength: UInt32

        @inline(__always)
        var name: Range<Int> { Int(nameStart)..<Int(nameStart + nameLength) }
        @inline(__always)
        var value: Range<Int> { Int(valueStart)..<Int(valueStart + valueLength) }
    }

    /// A start line (nothing in fields that were built here), then the field lines, each with its CRLF.
    private(set) var storage: [UInt8]
    private(set) var slots: [Slot]
    /// Where the field lines begin.
    private(set) var start: Int

    package init() {
        storage = []
        slots = []
        start = 0
    }

    init(storage: [UInt8], start: Int, slots: [Slot]) {
        self.storage = storage
        self.start = start
        self.slots = slots
    }

    package var count: Int { slots.count }
    package var isEmpty: Bool { slots.isEmpty }

    /// The field lines as they go to the wire, without the empty line that ends them.
    var wireImage: ArraySlice<UInt8> { storage[start...] }

    // MARK: Looking up

    /// The first value of `name`, or nil. Bytes that are not UTF-8 become U+FFFD.
    package subscript(name: FieldName) -> String? {
        slots.first { matches($0, name) }.map(text)
    }

    /// The bytes of the first value of `name`, as received, or nil.
    package func bytes(of name: FieldName) -> ArraySlice<UInt8>? {
        slots.first { matches($0, name) }.map { storage[$0.value] }
    }

    /// The bytes of the value of `name`; nil unless exactly one line has that name.
    package func single(_ name: FieldName) -> ArraySlice<UInt8>? {
        guard let index = slots.firstIndex(where: { matches($0, name) }),
            !slots[(index + 1)...].contains(where: { matches($0, name) })
        else { return nil }
        return storage[slots[index].value]
    }

    /// Every value of `name`, in order.
    package func values(of name: FieldName) -> [String] {
        slots.filter { matches($0, name) }.map(text)
    }

    package func contains(_ name: FieldName) -> Bool {
        slots.contains { matches($0, name) }
    }

    /// Every member of the comma-separated list that `name` is, over all its lines, without empty members
    /// (RFC 9110 §5.6.1). Not for fields whose members may hold quoted commas.
    package func list(of name: FieldName) -> [String] {
        values(of: name).flatMap { $0.utf8.split(separator: UInt8(ascii: ",")) }.compactMap { member in
            let trimmed = member.drop(while: ASCII.isBlank).reversed().drop(while: ASCII.isBlank).reversed()
            return trimmed.isEmpty ? nil : String(decoding: Array(trimmed), as: UTF8.self)
        }
    }

    /// All fields, in order, as text.
    package var pairs: [(name: String, value: String)] {
        slots.map { (String(decoding: storage[$0.name], as: UTF8.self), text($0)) }
    }

    // MARK: Changing

    /// Adds a line after the others.
    package mutating func append(_ name: FieldName, _ value: FieldValue) {
        append(name.spelling.utf8, value.text.utf8)
    }

    /// Adds a line whose value was made as bytes, where a string would cost too much. Traps on a control character.
    package mutating func append(_ name: FieldName, bytes value: [UInt8]) {
        precondition(value.allSatisfy(ASCII.isFieldValueByte), "a field value holds no control character")
        append(name.spelling.utf8, value)
    }

    /// Leaves exactly one line with this name, or none when `value` is nil.
    package mutating func set(_ name: FieldName, _ value: FieldValue?) {
        remove(name)
        if let value { append(name, value) }
    }

    package mutating func remove(_ name: FieldName) {
        guard contains(name) else { return }
        let kept = slots.filter { !matches($0, name) }
        var rebuilt = Fields(storage: Array(storage[..<start]), start: start, slots: [])
        for slot in kept {
            rebuilt.append(storage[slot.name], storage[slot.value])
        }
        self = rebuilt
    }

    private mutating func append(_ name: some Collection<UInt8>, _ value: some Collection<UInt8>) {
        if slots.isEmpty {
            // One allocation each, instead of several as they grow: enough for the usual response.
            storage.reserveCapacity(storage.count + 240)
            slots.reserveCapacity(6)
        }
        let nameStart = storage.count
        storage.append(contentsOf: name)
        storage.append(ASCII.colon)
        storage.append(ASCII.space)
        let valueStart = storage.count
        storage.append(contentsOf: value)
        slots.append(
            Slot(
                nameStart: UInt32(nameStart), nameLength: UInt32(valueStart - nameStart - 2),
                valueStart: UInt32(valueStart), valueLength: UInt32(storage.count - valueStart)))
        storage.append(ASCII.carriageReturn)
        storage.append(ASCII.lineFeed)
    }

    // MARK: Comparing

    private func text(_ slot: Slot) -> String { String(decoding: storage[slot.value], as: UTF8.self) }

    private func matches(_ slot: Slot, _ name: FieldName) -> Bool {
        // Nearly every field differs in length, so nearly every comparison ends here.
        guard Int(slot.nameLength) == name.lowercased.count else { return false }
        var offset = Int(slot.nameStart)
        for byte in name.lowercased {
            guard ASCII.lowercased(storage[offset]) == byte else { return false }
            offset += 1
        }
        return true
    }

    /// Whether a line is one that the serializer writes itself, so that it can drop what a caller put there.
    var hasFramingFields: Bool {
        slots.contains { slot in
            switch slot.nameLength {
            case 10: matches(slot, .connection)
            case 14: matches(slot, .contentLength)
            case 17: matches(slot, .transferEncoding)
            default: false
            }
        }
    }
}

extension Fields: ExpressibleByDictionaryLiteral, Equatable {
    package init(dictionaryLiteral elements: (FieldName, FieldValue)...) {
        self.init()
        for (name, value) in elements { append(name, value) }
    }

    /// The same names (without regard to case) and values, in the same order.
    package static func == (left: Fields, right: Fields) -> Bool {
        left.pairs.elementsEqual(right.pairs) { one, other in
            one.value == other.value && one.name.lowercased() == other.name.lowercased()
        }
    }
}

extension Fields: CustomDebugStringConvertible {
    /// Names only: values may be credentials.
    package var debugDescription: String {
        "Fields(" + pairs.map(\.name).joined(separator: ", ") + ")"
    }
}
