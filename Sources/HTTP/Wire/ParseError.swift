/// Why bytes were refused. A connection that produced one is out of step and must be closed (RFC 9112 §2.2, §6.3).
package enum ParseError: Error, Hashable, CaseIterable, Sendable {
    /// Not `method SP target SP version` (RFC 9112 §3), or not `version SP code SP reason` (RFC 9112 §4).
    case malformedStartLine
    case startLineTooLong
    /// Longer than any method there is (RFC 9112 §3).
    case methodTooLong
    /// A target that is in none of the forms of RFC 9112 §3.2, or in one that its method may not use.
    case invalidTarget
    /// CONNECT: this is no proxy (RFC 9110 §9.3.6).
    case connectNotSupported
    case unsupportedVersion
    /// A line that ends without CR (RFC 9112 §2.2 lets us refuse; accepting it invites smuggling).
    case bareLineFeed
    /// CR without LF (RFC 9112 §2.2).
    case bareCarriageReturn
    /// obs-fold, or white space before the first field (RFC 9112 §2.2, §5.2).
    case lineFolding
    /// RFC 9112 §5.1.
    case whitespaceBeforeColon
    case invalidFieldName
    /// A control character in a value (RFC 9110 §5.5).
    case invalidFieldValue
    case headTooLarge
    case tooManyFields
    /// RFC 9112 §3.2.
    case missingHost
    case repeatedHost
    case invalidHost
    /// RFC 9110 §8.6, RFC 9112 §6.3 item 5.
    case invalidContentLength
    case repeatedContentLength
    /// RFC 9112 §6.1, §6.3 item 3.
    case contentLengthWithTransferEncoding
    /// A transfer coding other than exactly `chunked` (RFC 9112 §6.1).
    case unsupportedTransferCoding
    /// RFC 9112 §6.1.
    case transferEncodingInHTTP10
    /// RFC 9110 §10.1.1.
    case unknownExpectation
    case contentTooLarge
    /// RFC 9112 §7.1.
    case invalidChunkSize
    case invalidChunkExtension
    case chunkExtensionTooLong
    /// Chunk data that is not followed by CRLF (RFC 9112 §7.1).
    case malformedChunk
    /// RFC 9112 §7.1.2.
    case invalidTrailer
    case trailersTooLarge
    /// The connection ended inside a message (RFC 9112 §8).
    case truncated

    /// What a server answers before it closes the connection.
    package var status: Status {
        switch self {
        case .startLineTooLong: .uriTooLong
        case .methodTooLong, .connectNotSupported, .unsupportedTransferCoding: .notImplemented
        case .unsupportedVersion: .versionNotSupported
        case .headTooLarge, .tooManyFields, .trailersTooLarge: .headerFieldsTooLarge
        case .unknownExpectation: .expectationFailed
        case .contentTooLarge: .contentTooLarge
        default: .badRequest
        }
    }
}

extension ParseError: CustomStringConvertible {
    /// Fixed text, safe to send to anyone.
    package var description: String {
        switch self {
        case .malformedStartLine: "The first line of the message is malformed."
        case .startLineTooLong: "The request target is too long."
        case .methodTooLong: "The method is not implemented."
        case .invalidTarget: "The request target is invalid."
        case .connectNotSupported: "CONNECT is not implemented."
        case .unsupportedVersion: "Only HTTP/1.1 and HTTP/1.0 are spoken here."
        case .bareLineFeed: "A line ends without a carriage return."
        case .bareCarriageReturn: "A carriage return stands without a line feed."
        case .lineFolding: "A header field line is folded."
        case .whitespaceBeforeColon: "White space stands between a field name and its colon."
        case .invalidFieldName: "A field name is not a token."
        case .invalidFieldValue: "A field value contains a control character."
        case .headTooLarge: "The header fields are too large."
        case .tooManyFields: "There are too many header fields."
        case .missingHost: "The Host field is missing."
        case .repeatedHost: "The Host field is repeated."
        case .invalidHost: "The Host field is invalid."
        case .invalidContentLength: "The Content-Length field is invalid."
        case .repeatedContentLength: "The Content-Length field is repeated."
        case .contentLengthWithTransferEncoding: "Content-Length and Transfer-Encoding are both present."
        case .unsupportedTransferCoding: "The only transfer coding spoken here is chunked."
        case .transferEncodingInHTTP10: "HTTP/1.0 has no Transfer-Encoding."
        case .unknownExpectation: "The only expectation that can be met is 100-continue."
        case .contentTooLarge: "The content is too large."
        case .invalidChunkSize: "A chunk size is invalid."
        case .invalidChunkExtension: "A chunk extension is invalid."
        case .chunkExtensionTooLong: "A chunk extension is too long."
        case .malformedChunk: "A chunk does not end with its line break."
        case .invalidTrailer: "The trailer section is invalid."
        case .trailersTooLarge: "The trailer section is too large."
        case .truncated: "The connection ended inside a message."
        }
    }
}
