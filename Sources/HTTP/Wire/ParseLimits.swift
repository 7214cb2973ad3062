/// How much of a message's framing a parser reads before it refuses; all in bytes unless said otherwise.
package struct ParseLimits: Sendable {
    /// The request line or status line, without its CRLF (RFC 9112 §3 asks for at least 8000).
    package var startLine: Int
    /// The whole head: start line, fields, empty line.
    package var head: Int
    /// Field lines in a head, a count.
    package var fieldCount: Int
    /// The extensions of one chunk (RFC 9112 §7.1.1 asks for a limit).
    package var chunkExtension: Int
    /// The trailer section of a chunked body.
    package var trailers: Int

    package init(
        startLine: Int = 8192, head: Int = 16384, fieldCount: Int = 100, chunkExtension: Int = 256,
        trailers: Int = 4096
    ) {
        precondition(startLine <= head && head <= 1 << 24, "a head holds its start line, and is at most 16 MiB")
        self.startLine = startLine
        self.head = head
        self.fieldCount = fieldCount
        self.chunkExtension = chunkExtension
        self.trailers = trailers
    }
}
