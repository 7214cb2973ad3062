import HTTP
import Net

// One request: from its head to the last byte of its response.
extension ServerConnection {
    /// A body above this is written from where it is instead of being copied behind its head, in bytes.
    private static let copiedBody = 32_768

    func respond(to head: RequestHead) async throws -> Outcome {
        let id = head.fields.bytes(of: .xRequestID).flatMap { RequestID(given: $0) } ?? context.nextRequestID()
        let reader = head.framing == .none ? nil : BodyReader(head: head, connection: self)
        // Earlier responses of a pipeline must not wait for what this handler waits for.
        flushSoon()
        var response = try await answer(head, id, reader)
        var isPersistent = head.isPersistent && !response.closesConnection && !context.isDraining
        var linger = head.isPersistent
        if let reader {
            reader.finish()
            switch reader.failure {
            case .disconnected: throw Ending.hangUp
            case let failure? where failure.breaksFraming:
                // Whatever the handler made of it: the connection is out of step, and this is why.
                response = Response.problem(failure.status, detail: failure.description, requestID: id)
                isPersistent = false
            default: break
            }
            if !reader.canBeSkipped {
                isPersistent = false
                linger = true
            }
        }
        let wrote = try await write(response, to: head, id: id, isPersistent: isPersistent)
        guard wrote == .keep else { return wrote == .close(linger: false) ? .close(linger: linger) : wrote }
        if let reader, !(try await skip(reader)) { return .close(linger: true) }
        return .keep
    }

    /// The handler's response, or the one that its error stands for.
    private func answer(_ head: RequestHead, _ id: RequestID, _ reader: BodyReader?) async throws -> Response {
        if head.isAsteriskForm {
            // RFC 9110 §9.3.7: about the server in general, so every method there is a use for.
            return .options(allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
        }
        let request = Request(
            head: head, remoteAddress: remoteAddress, id: id, deadline: .after(context.limits.handlerTime),
            reader: reader)
        do {
            return try await context.handler(request)
        } catch let error as RequestError {
            return .problem(error.status, detail: error.description, requestID: id)
        } catch {
            return .problem(.internalServerError, detail: "Something went wrong here.", requestID: id)
        }
    }

    /// Reads and drops what the handler left of the body, after the response is on its way.
    private func skip(_ reader: BodyReader) async throws(NetError) -> Bool {
        if reader.isComplete { return true }
        try await flush()
        return await reader.skip()
    }

    // MARK: Writing

    private func write(
        _ response: Response, to head: RequestHead, id: RequestID, isPersistent: Bool
    ) async throws -> Outcome {
        let isHTTP10 = head.version == .http10
        // RFC 9110 §9.3.2: HEAD gets the fields that GET would get. RFC 9112 §6.3 item 1: neither do these statuses
        // have a body.
        let hasBody = head.method != .head && !response.status.forbidsBody
        switch response.body {
        case .none:
            appendHead(
                response, framing: response.status.forbidsBody ? .none : .length(0), id: id,
                isPersistent: isPersistent, isHTTP10: isHTTP10)
        case .bytes(let body):
            appendHead(
                response, framing: response.status.forbidsBody ? .none : .length(body.count), id: id,
                isPersistent: isPersistent, isHTTP10: isHTTP10)
            if hasBody { try await append(body) }
        case .chunks(let length, let producer):
            // RFC 9112 §7: no chunks for HTTP/1.0; there the close is the end.
            let framing: BodyFraming =
                response.status.forbidsBody ? .none : length.map { .length($0) } ?? (isHTTP10 ? .untilClose : .chunked)
            let isPersistent = isPersistent && framing != .untilClose
            appendHead(response, framing: framing, id: id, isPersistent: isPersistent, isHTTP10: isHTTP10)
            if hasBody { try await produce(framing, producer) }
            return isPersistent ? .keep : .close(linger: false)
        case .eventStream(let start):
            // The stream ends with the connection; there is nothing after it that could be kept alive for.
            appendHead(response, framing: .untilClose, id: id, isPersistent: false, isHTTP10: isHTTP10)
            guard hasBody else { return .close(linger: false) }
            // The grace of a shutdown may have ended while the handler ran.
            guard stream.isOpen else { throw Ending.hangUp }
            becomeStream(start)
            return .becameStream
        }
        return isPersistent ? .keep : .close(linger: false)
    }

    func appendHead(
        _ response: Response, framing: BodyFraming, id: RequestID, isPersistent: Bool, isHTTP10: Bool
    ) {
        Serializer.appendStatusLine(response.status, to: &output)
        Serializer.appendFields(response.fields, to: &output)
        if !response.fields.contains(.date) { context.appendDate(now: .now(), to: &output) }
        if !response.fields.contains(.xRequestID) {
            output.append(contentsOf: "X-Request-Id: ".utf8)
            id.append(to: &output)
            Serializer.appendLineEnd(to: &output)
        }
        Serializer.appendFraming(framing, to: &output)
        if !isPersistent {
            output.append(contentsOf: "Connection: close\r\n".utf8)
        } else if isHTTP10 {
            // RFC 9112 §9.3: an HTTP/1.0 client keeps the connection only when it is told so.
            output.append(contentsOf: "Connection: keep-alive\r\n".utf8)
        }
        Serializer.appendLineEnd(to: &output)
    }

    private func append(_ body: [UInt8]) async throws(NetError) {
        if body.count <= ServerConnection.copiedBody {
            output.append(contentsOf: body)
            // A client that sends many requests and reads no answers must not make the queue grow.
            if output.count > 2 * ServerConnection.copiedBody { try await flush() }
            return
        }
        try await flush()
        output = body
        try await flush()
    }

    private func produce(
        _ framing: BodyFraming, _ producer: @Sendable (inout BodyWriter) async throws -> Void
    ) async throws {
        var writer = BodyWriter(connection: self, framing: framing)
        do {
            try await producer(&writer)
        } catch {
            // RFC 9112 §8: a body that ends without its end is how the client learns that it is incomplete.
            throw Ending.hangUp
        }
        guard writer.finish() else { throw Ending.hangUp }
    }

    private func becomeStream(_ start: @Sendable (EventStreamSink) -> Void) {
        let sink = EventStreamSink(stream: stream, context: context)
        context.replace(self, with: sink)
        sink.begin(with: takeOutput())
        start(sink)
        // The server began to drain while the handler ran.
        if context.isDraining { sink.beginDraining() }
    }
}

extension RequestError {
    /// Whether nothing after the body can be found any more.
    fileprivate var breaksFraming: Bool {
        switch self {
        case .bodyTimedOut, .malformedBody, .disconnected: true
        case .bodyTooLarge, .malformedQuery, .invalidParameter: false
        }
    }
}
