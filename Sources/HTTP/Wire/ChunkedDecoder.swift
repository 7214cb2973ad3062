/// Takes the chunked coding apart (RFC 9112 §7.1), as it arrives and with bounded memory. Extensions are ignored
/// (§7.1.1), trailers checked and dropped (§7.1.2, RFC 9110 §6.5.1 lets a recipient do so).
package struct ChunkedDecoder: Sendable {
    private enum State {
        /// Before or in the digits of a chunk size.
        case size(digits: Int)
        /// White space after the size, which only an extension may follow.
        case sizeBlank
        case chunkExtension
        /// After the CR of a size line.
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        /// At the beginning of a line of the trailer section.
        case trailerStart
        case trailerName
        case trailerValue
        case trailerLineFeed
        /// After the CR of the last empty line.
        case endLineFeed
        case complete
    }

    private let limits: ParseLimits
    private var state = State.size(digits: 0)
    private var remaining = 0
    private var extensionBytes = 0
    private var trailerBytes = 0

    package init(limits: ParseLimits = ParseLimits()) {
        self.limits = limits
    }

    /// Whether the last chunk and the trailer section have been read.
    package var isComplete: Bool {
        if case .complete = state { true } else { false }
    }

    /// Appends decoded data to `output`, at most `maximum` bytes of it, and stops after the last byte of the body.
    ///
    /// - Returns: how many bytes of `input` were used. Fewer than there are means: `maximum` was reached, or the body
    ///   is complete. The bytes that were not used must be offered again.
    package mutating func decode(
        _ input: Span<UInt8>, into output: inout [UInt8], atMost maximum: Int = .max
    ) throws(ParseError) -> Int {
        var position = 0
        var room = maximum
        while position < input.count {
            switch state {
            case .data:
                let count = min(remaining, input.count - position, room)
                guard count > 0 else { return position }
                output.append(contentsOf: input, in: position..<position + count)
                position += count
                room -= count
                remaining -= count
                if remaining == 0 { state = .dataCarriageReturn }
            case .complete:
                return position
            default:
                try step(input[position])
                position += 1
            }
        }
        return position
    }

    /// The same for an array that is used up from `start`.
    package mutating func decode(
        _ input: [UInt8], from start: Int = 0, into output: inout [UInt8], atMost maximum: Int = .max
    ) throws(ParseError) -> Int {
        try decode(input.span.extracting(start...), into: &output, atMost: maximum)
    }

    private mutating func step(_ byte: UInt8) throws(ParseError) {
        switch state {
        case .size(let digits):
            try readSize(byte, digits)
        case .sizeBlank:
            // RFC 9112 §7.1.1: white space may stand before the ";" of an extension, and nowhere else.
            if byte == UInt8(ascii: ";") {
                state = .chunkExtension
            } else if !ASCII.isBlank(byte) {
                throw .invalidChunkSize
            }
            try countExtensionByte()
        case .chunkExtension:
            if byte == ASCII.carriageReturn {
                state = .sizeLineFeed
            } else {
                guard ASCII.isFieldValueByte(byte) else { throw .invalidChunkExtension }
                try countExtensionByte()
            }
        case .sizeLineFeed:
            guard byte == ASCII.lineFeed else { throw .invalidChunkSize }
            extensionBytes = 0
            state = remaining == 0 ? .trailerStart : .data
        case .dataCarriageReturn:
            guard byte == ASCII.carriageReturn else { throw .malformedChunk }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == ASCII.lineFeed else { throw .malformedChunk }
            state = .size(digits: 0)
        default:
            try readTrailer(byte)
        }
    }

    /// RFC 9112 §7.1: 1*HEXDIG. A recipient must anticipate large numerals and not overflow.
    private mutating func readSize(_ byte: UInt8, _ digits: Int) throws(ParseError) {
        if let value = ASCII.hexValue(byte) {
            // 15 digits stay below Int.max, zeros in front included: no need to send more.
            guard digits < 15 else { throw .invalidChunkSize }
            remaining = remaining << 4 | Int(value)
            state = .size(digits: digits + 1)
            return
        }
        guard digits > 0 else { throw .invalidChunkSize }
        switch byte {
        case ASCII.carriageReturn: state = .sizeLineFeed
        case UInt8(ascii: ";"): state = .chunkExtension
        case ASCII.space, ASCII.tab: state = .sizeBlank
        default: throw .invalidChunkSize
        }
    }

    /// RFC 9112 §7.1.1: the total length of extensions ought to be limited.
    private mutating func countExtensionByte() throws(ParseError) {
        extensionBytes += 1
        guard extensionBytes <= limits.chunkExtension else { throw .chunkExtensionTooLong }
    }

    /// RFC 9112 §7.1.2: field lines up to an empty one.
    private mutating func readTrailer(_ byte: UInt8) throws(ParseError) {
        trailerBytes += 1
        guard trailerBytes <= limits.trailers else { throw .trailersTooLarge }
        switch state {
        case .trailerStart where byte == ASCII.carriageReturn:
            state = .endLineFeed
        case .trailerStart:
            guard ByteSet.token.contains(byte) else { throw .invalidTrailer }
            state = .trailerName
        case .trailerName where byte == ASCII.colon:
            state = .trailerValue
        case .trailerName:
            guard ByteSet.token.contains(byte) else { throw .invalidTrailer }
        case .trailerValue where byte == ASCII.carriageReturn:
            state = .trailerLineFeed
        case .trailerValue:
            guard ASCII.isFieldValueByte(byte) else { throw .invalidTrailer }
        case .trailerLineFeed:
            guard byte == ASCII.lineFeed else { throw .invalidTrailer }
            state = .trailerStart
        default:
            guard byte == ASCII.lineFeed else { throw .invalidTrailer }
            state = .complete
        }
    }
}

extension [UInt8] {
    /// Appends `range` of `bytes` in one move.
    mutating func append(contentsOf bytes: Span<UInt8>, in range: Range<Int>) {
        unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
