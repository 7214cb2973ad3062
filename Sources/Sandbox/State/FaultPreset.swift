extension Faults {
    /// Kick's bad days by name (FACTS §1.4, §2.1, §6).
    package enum Preset: String, Sendable, CaseIterable {
        /// 429, and nothing that says how long.
        case rateLimited = "rate_limited"
        /// 429 with `Retry-After: 1`.
        case rateLimitedRetryAfter = "rate_limited_retry_after"
        /// 500 in the envelope.
        case serverError = "server_error"
        /// 502 with a page of the edge's.
        case badGateway = "bad_gateway"
        /// The real answer, two seconds late.
        case slow
        /// The connection ends before the answer; the work is not done.
        case cut
        /// The work is done, and the connection ends before the answer.
        case lostAnswer = "lost_answer"
        /// The connection ends in the middle of the real answer.
        case cutInBody = "cut_in_body"
        /// 403 of the edge, as JSON (#281).
        case edgeBlock = "edge_block"
        /// The same as a page (#225).
        case edgeBlockHTML = "edge_block_html"
        /// 200 without a body; 400 for tokens (#156).
        case emptyBody = "empty_body"
        /// 200 with a page.
        case notJSON = "not_json"
        /// 401 although the token is good (#253, #289).
        case unauthorized
        /// 400: the chat of the day is used up (#219).
        case chatQuota = "chat_quota"
    }
}

extension Faults.Fault {
    private static let html = "text/html; charset=UTF-8"

    package mutating func apply(_ preset: Faults.Preset) {
        switch preset {
        case .rateLimited, .rateLimitedRetryAfter:
            (status, body) = (429, #"{"data":{},"message":"Too Many Requests"}"#)
            if preset == .rateLimitedRetryAfter { retryAfter = 1 }
        case .serverError:
            (status, body) = (
                500, target == .api ? #"{"data":{},"message":"Internal server error"}"# : #"{"error":"server_error"}"#
            )
        case .badGateway:
            (status, body, contentType) = (502, "<html><head><title>502 Bad Gateway</title></head></html>", Self.html)
        case .slow: delayMilliseconds = 2000
        case .cut: cut = .beforeHead
        case .lostAnswer: (cut, moment) = (.beforeHead, .after)
        case .cutInBody: cut = .inBody
        case .edgeBlock:
            (status, body) = (403, #"{"error":"Request blocked by security policy.","reference":"9e4db7e3"}"#)
        case .edgeBlockHTML:
            (status, body, contentType) = (
                403, "<!DOCTYPE html><html><head><title>Attention Required!</title></head></html>", Self.html
            )
        case .emptyBody: status = target == .token ? 400 : 200
        case .notJSON: (status, body, contentType) = (200, "<!DOCTYPE html><p>hello</p>", Self.html)
        case .unauthorized: (status, body) = (401, #"{"data":{},"message":"Unauthorized"}"#)
        case .chatQuota:
            (status, body) = (
                400,
                #"{"data":"Pusher error: API call failed since (daily) message quota exceeded","message":"Bad request"}"#
            )
        }
    }
}
