/// What a head's fields say about the message itself, gathered in one pass over the slots.
struct MessageFacts {
    enum ContentLength {
        case absent
        case bytes(Int)
    }

    var contentLength = ContentLength.absent
    var transferEncodings = 0
    /// Whether every transfer coding seen is exactly `chunked`.
    var isChunked = false
    var hosts = 0
    var host = 0..<0
    var hasExpectation = false
    var expectsContinue = false
    var says = (close: false, keepAlive: false)

    /// - Parameter base: what has to be added to a slot's offsets to index `bytes`.
    init(_ bytes: Span<UInt8>, _ slots: [Fields.Slot], base: Int) throws(ParseError) {
        for slot in slots {
            let name = Int(slot.nameStart) + base..<Int(slot.nameStart + slot.nameLength) + base
            let value = Int(slot.valueStart) + base..<Int(slot.valueStart + slot.valueLength) + base
            switch slot.nameLength {
            case 4 where bytes.equals("host", in: name):
                hosts += 1
                host = value
            case 6 where bytes.equals("expect", in: name):
                // RFC 9110 §10.1.1: anything but 100-continue, also beside it, may be refused with 417.
                expectsContinue = !hasExpectation && bytes.equals("100-continue", in: value)
                hasExpectation = true
            case 10 where bytes.equals("connection", in: name):
                readConnectionOptions(bytes, value)
            case 14 where bytes.equals("content-length", in: name):
                // RFC 9112 §6.3 item 5 lets equal repeats pass; there is no honest reason to send them.
                guard case .absent = contentLength else { throw .repeatedContentLength }
                contentLength = .bytes(try MessageFacts.length(bytes, value))
            case 17 where bytes.equals("transfer-encoding", in: name):
                transferEncodings += 1
                isChunked = transferEncodings == 1 && bytes.equals("chunked", in: value)
            default:
                break
            }
        }
    }

    var hasContentLength: Bool {
        if case .absent = contentLength { false } else { true }
    }

    /// RFC 9110 §8.6: 1*DIGIT, nothing else: no sign, no list, no white space inside.
    private static func length(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(ParseError) -> Int {
        guard !range.isEmpty else { throw .invalidContentLength }
        for index in range where !ASCII.isDigit(bytes[index]) { throw .invalidContentLength }
        var length = 0
        for index in range {
            let (product, overflow) = length.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(bytes[index] &- 0x30))
            // RFC 9110 §8.6: overflow must be anticipated. The number is valid, only no such body is taken.
            guard !overflow, !carry else { throw .contentTooLarge }
            length = sum
        }
        return length
    }

    /// RFC 9110 §7.6.1: a list of options, compared without regard to case.
    private mutating func readConnectionOptions(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start
            while end < range.upperBound, bytes[end] != UInt8(ascii: ",") { end += 1 }
            var (low, high) = (start, end)
            while low < high, ASCII.isBlank(bytes[low]) { low += 1 }
            while low < high, ASCII.isBlank(bytes[high - 1]) { high -= 1 }
            if bytes.equals("close", in: low..<high) { says.close = true }
            if bytes.equals("keep-alive", in: low..<high) { says.keepAlive = true }
            start = end + 1
        }
    }

    /// RFC 9112 §9.3: `close` always wins; 1.1 persists by itself, 1.0 only when it says so.
    func isPersistent(_ version: ProtocolVersion) -> Bool {
        switch version {
        case .http11: !says.close
        case .http10: !says.close && says.keepAlive
        }
    }
}
