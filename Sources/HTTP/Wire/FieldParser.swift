/// Parses the field lines of a complete head (RFC 9112 §5).
///
/// The indexing is unchecked: a head ends with CR LF CR LF, no class of bytes that a loop below runs over contains CR,
/// and so no loop passes the end.
enum FieldParser {
    /// - Parameters:
    ///   - bytes: holds the head.
    ///   - first: where the first field line begins.
    ///   - end: the offset after the head's empty line.
    ///   - base: the offset that the stored copy of the head begins with.
    static func parse(
        _ bytes: Span<UInt8>, from first: Int, to end: Int, base: Int, limit: Int
    ) throws(ParseError) -> [Fields.Slot] {
        var slots: [Fields.Slot] = []
        slots.reserveCapacity(16)
        var position = first
        let last = end - 2
        while position < last {
            guard slots.count < limit else { throw .tooManyFields }

            let nameStart = position
            while unsafe ByteSet.token.contains(bytes[unchecked: position]) { position += 1 }
            let nameEnd = position
            guard unsafe bytes[unchecked: position] == ASCII.colon, nameEnd > nameStart else {
                throw wrongName(bytes, from: nameStart, stoppedAt: position)
            }
            position += 1

            while unsafe ASCII.isBlank(bytes[unchecked: position]) { position += 1 }
            let valueStart = position
            while unsafe ASCII.isFieldValueByte(bytes[unchecked: position]) { position += 1 }
            var valueEnd = position
            while valueEnd > valueStart, unsafe ASCII.isBlank(bytes[unchecked: valueEnd - 1]) { valueEnd -= 1 }

            // RFC 9110 §5.5: CR, LF and NUL in a value are dangerous, and the other control characters invalid.
            // RFC 9112 §2.2: a bare CR makes the message invalid.
            guard unsafe bytes[unchecked: position] == ASCII.carriageReturn else { throw .invalidFieldValue }
            guard unsafe bytes[unchecked: position + 1] == ASCII.lineFeed else { throw .bareCarriageReturn }
            position += 2

            slots.append(
                Fields.Slot(
                    nameStart: UInt32(truncatingIfNeeded: nameStart - base),
                    nameLength: UInt32(truncatingIfNeeded: nameEnd - nameStart),
                    valueStart: UInt32(truncatingIfNeeded: valueStart - base),
                    valueLength: UInt32(truncatingIfNeeded: valueEnd - valueStart)))
        }
        return slots
    }

    /// Says what is wrong with a line whose name did not end in a colon.
    private static func wrongName(_ bytes: Span<UInt8>, from start: Int, stoppedAt position: Int) -> ParseError {
        let byte = bytes[position]
        // RFC 9112 §5.2: a server must refuse obs-fold or unfold it. RFC 9112 §2.2: white space before the first
        // field is refused.
        if ASCII.isBlank(byte) { return position == start ? .lineFolding : .whitespaceBeforeColon }
        if byte == ASCII.carriageReturn, bytes[position + 1] != ASCII.lineFeed { return .bareCarriageReturn }
        return .invalidFieldName
    }
}

extension Span where Element == UInt8 {
    /// Whether `range` spells `text`, a lower-case ASCII word, without regard to case.
    func equals(_ text: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { word in
            for offset in 0..<word.count {
                guard unsafe ASCII.lowercased(self[range.lowerBound + offset]) == word[offset] else { return false }
            }
            return true
        }
    }

    /// A copy of `range`, in one move.
    func copy(_ range: Range<Int>) -> [UInt8] {
        let part = extracting(range)
        return unsafe [UInt8](unsafeUninitializedCapacity: part.count) { target, count in
            unsafe part.withUnsafeBufferPointer { _ = unsafe target.initialize(from: $0) }
            count = part.count
        }
    }

    func string(_ range: Range<Int>) -> String {
        unsafe extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
