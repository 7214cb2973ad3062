import Net
import ProcessKit

/// A keep-alive connection on which webhooks are sent one after the other. Loop-bound.
final class PostLine: @unchecked Sendable {
    private let stream: ByteStream
    private var answers = AnswerReader()
    private(set) var lastUse = Deadline.now()

    static func connect(to address: SocketAddress, deadline: Deadline) async throws -> PostLine {
        PostLine(try await ByteStream.connect(to: address, deadline: deadline))
    }

    private init(_ stream: ByteStream) {
        self.stream = stream
    }

    /// The status that the request was answered with.
    func post(_ request: [UInt8], deadline: Deadline) async throws -> Int {
        try await stream.write(request, deadline: deadline)
        let status = try await answers.next(from: stream, deadline: deadline)
        lastUse = .now()
        return status
    }

    func close() {
        stream.close()
    }
}
