import HTTP
package import HTTPClient
import Net

/// The real way to Kick.
package enum KickTransport {
    /// Sends requests over `client` to `servers`. The deadline covers everything from waiting for a connection to the
    /// last byte of the answer.
    ///
    /// - Parameter orders: for requests that change something, so that they do not wait for connections which questions hold
    ///   that nobody answers. Nil: the same client.
    package static func exchange(
        over client: OutboundClient, orders: OutboundClient? = nil, servers: KickServers
    ) -> KickExchange {
        { (request: KickRequest, deadline: Deadline) async throws(KickError) -> KickAnswer in
            let client = request.method.isSafe ? client : orders ?? client
            let outbound = OutboundRequest(
                request.method, request.url(on: servers), fields: request.fields, body: request.bodyBytes,
                maximumBody: request.maximumAnswer, needsFreshConnection: request.needsFreshConnection)
            do throws(ClientError) {
                let response = try await client.send(outbound, deadline: deadline)
                return KickAnswer(
                    status: Int(response.status.code), fields: response.fields, body: response.body)
            } catch {
                throw KickError(error)
            }
        }
    }
}

extension KickError {
    /// The client's words name the origin and nothing else of the request, so they may be kept.
    init(_ error: ClientError) {
        switch error.kind {
        case .protocolViolation, .bodyTooLarge:
            self.init(.undecodable, message: error.description)
        case .resolve, .connect, .tls, .timedOut, .connectionLost, .poolExhausted, .cancelled:
            self.init(
                .unreachable(requestSent: error.requestMayHaveArrived), message: error.description,
                isTimeout: error.kind == .timedOut)
        }
    }
}
