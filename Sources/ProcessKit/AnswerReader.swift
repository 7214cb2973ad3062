import Glibc
package import Net

/// Reads the answers of one keep-alive connection, one at a time, looking only at what is needed: the status, where
/// the head ends, and how long the body is.
package struct AnswerReader {
    private var buffer: [UInt8] = []

    package init() {}

    /// The status of the next answer, when it has arrived whole.
    package mutating func next(from stream: ByteStream, deadline: Deadline) async throws -> Int {
        buffer.removeAll(keepingCapacity: true)
        while true {
            guard try await stream.read(into: &buffer, deadline: deadline) > 0 else {
                throw ProcessError("the gateway closed a connection in the middle")
            }
            if let (status, end) = try Self.head(buffer) {
                guard end <= buffer.count else { continue }
                guard end == buffer.count else { throw ProcessError("more came than one answer") }
                return status
            }
        }
    }

    /// Status and length of the message, when its head is complete. A head without a length stands alone.
    package static func head(_ bytes: [UInt8]) throws -> (status: Int, end: Int)? {
        guard let headEnd = bytes.firstOffset(of: "\r\n\r\n") else { return nil }
        guard bytes.starts(with: "HTTP/1.1 ".utf8), headEnd > 12, let status = decimal(bytes[9..<12]) else {
            throw ProcessError("what came is no answer of HTTP/1.1")
        }
        var length = 0
        let name: StaticString = "\r\nContent-Length: "
        if let offset = bytes.firstOffset(of: name), offset < headEnd {
            let digits = bytes[(offset + name.utf8CodeUnitCount)...].prefix { $0 != 13 }
            guard let value = decimal(digits) else { throw ProcessError("a Content-Length that is no number") }
            length = value
        }
        return (status, headEnd + 4 + length)
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...9).contains(digits.count) else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return value
    }
}

extension [UInt8] {
    /// Where a text stands first; nil when it does not.
    package func firstOffset(of text: StaticString) -> Int? {
        unsafe withUnsafeBytes { unsafe $0.firstOffset(of: text) }
    }
}

extension UnsafeRawBufferPointer {
    /// Where a text, which is not empty, stands first; nil when it does not.
    package func firstOffset(of text: StaticString) -> Int? {
        guard let base = baseAddress else { return nil }
        var offset = 0
        while offset + text.utf8CodeUnitCount <= count {
            guard let candidate = unsafe memchr(base + offset, Int32(text.utf8Start.pointee), count - offset) else {
                return nil
            }
            offset = unsafe UnsafeRawPointer(candidate) - base
            guard offset + text.utf8CodeUnitCount <= count else { return nil }
            if unsafe memcmp(candidate, text.utf8Start, text.utf8CodeUnitCount) == 0 { return offset }
            offset += 1
        }
        return nil
    }
}
