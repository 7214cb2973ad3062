import HTTP
import Kick
import Net
import Synchronization

/// Stands in for Kick's servers: answers what the test says and remembers what it was asked.
final class KickStub: Sendable {
    private let answers: Mutex<[Result<KickAnswer, KickError>]>
    private let seen = Mutex<[KickRequest]>([])

    /// Answers in this order; the last one goes on for ever.
    init(_ answers: Result<KickAnswer, KickError>...) {
        self.answers = Mutex(answers)
    }

    convenience init(_ status: Int, _ body: String, _ fields: Fields = [:]) {
        self.init(.success(KickAnswer(status: status, fields: fields, body: Array(body.utf8))))
    }

    var requests: [KickRequest] { seen.withLock { $0 } }

    var exchange: KickExchange {
        { (request: KickRequest, _: Deadline) async throws(KickError) -> KickAnswer in
            self.seen.withLock { $0.append(request) }
            let answer = self.answers.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
            return try answer.get()
        }
    }
}

extension KickRequest {
    /// The form that the body holds.
    var form: QueryItems? { FormURLEncoded.decode(bodyBytes) }
    var json: String { String(decoding: bodyBytes, as: UTF8.self) }
}
