import HTTP
import HTTPServer
import Net
import Synchronization

extension SandboxCore {
    /// Answers with `work`, unless a fault was ordered for such a request.
    ///
    /// - Parameter request: is made only when a fault waits.
    func answer(_ request: () -> Faults.Request, work: () throws -> Response) async throws -> Response {
        let mayMeet = faults.withLock { !$0.isEmpty }
        guard mayMeet, let fault = meet(request()) else { return try work() }
        var real: Response?
        if fault.moment == .after || fault.status == nil && fault.cut != .beforeHead { real = try work() }
        if fault.delayMilliseconds > 0 { try? await sleep(for: .milliseconds(fault.delayMilliseconds)) }
        let answer = fault.status == nil ? real ?? Response() : fault.answer
        switch fault.cut {
        case nil: return answer
        // An error before the first byte is handed over: the server cuts the connection without a word.
        case .beforeHead: return Response(body: .chunks(length: 2) { _ in throw LostAnswer() })
        case .inBody: return answer.cutInBody()
        }
    }

    private func meet(_ request: Faults.Request) -> Faults.Fault? { faults.withLock { $0.take(request) } }
}

private struct LostAnswer: Error {}

extension Faults.Fault {
    /// In place of the real one.
    fileprivate var answer: Response {
        var fields: Fields = [.contentType: FieldValue(replacingInvalidIn: contentType)]
        if let retryAfter { fields.set(.retryAfter, FieldValue(retryAfter)) }
        return Response(status: Status(status ?? 200), fields: fields, body: .bytes(Array(body.utf8)))
    }
}

extension Response {
    /// The same head, one half of the body, and then the end of the connection.
    fileprivate func cutInBody() -> Response {
        guard case .bytes(let bytes) = body, bytes.count > 1 else { return self }
        var cut = self
        cut.body = .chunks(length: bytes.count) { writer in
            try await writer.write(Array(bytes.prefix(bytes.count / 2)))
            try await writer.flush()
            throw LostAnswer()
        }
        return cut
    }
}
