import Gateway
import HTTP
import HTTPServer
import Kick
import Model
import Net
import Store

/// Where Kick delivers. Nothing looks at the body before its signature was checked (P8).
struct Webhooks: Sendable {
    /// Largest body, in bytes; the largest seen is under 4 KiB.
    static let bodyLimit = 128 * 1024

    let verifier: WebhookVerifier
    let ingest: WebhookIngest
    let apps: AppDirectory

    static func receive(_ context: RequestContext) async throws -> Response {
        try await Self(context.services).receive(context.request)
    }

    static func receiveClaim(_ context: RequestContext) async throws -> Response {
        try await Self(context.services).receiveClaim(context.request)
    }

    /// 200 only after the event is committed (P7), also for one that is known already or wanted by nobody; 401 for a
    /// delivery that Kick did not sign; 503 when it cannot be stored now, so that Kick comes again.
    func receive(_ request: Request) async throws -> Response {
        try await receive(request) { body throws(WebhookRefusal) in
            let webhook = try await verifier.verify(fields: request.fields, body: body)
            // Kick does not sign the type: whoever has a genuine delivery could pass it off as what it never is.
            guard !webhook.type.rawValue.hasPrefix(GatewayEvent.prefix), webhook.type != .dropsClaim else {
                throw .reservedType
            }
            guard !webhook.hasContradictingType else { throw .otherType }
            return webhook
        } store: { webhook, app in
            _ = try await ingest.ingest(webhook, app: app)
        }
    }

    /// A viewer's claim of a Drops reward, who waits for the answer (FACTS §4.7). As ``receive(_:)``, but a claim that nobody
    /// gets is not acknowledged: 503.
    func receiveClaim(_ request: Request) async throws -> Response {
        try await receive(request) { body throws(WebhookRefusal) in
            try await verifier.verifyDropsClaim(fields: request.fields, body: body)
        } store: { claim, app in
            if case .unwanted = try await ingest.ingest(claim, app: app) {
                throw GatewayError(
                    .unavailable, "claims are stored when exactly one tenant uses the app", retryAfter: 60)
            }
        }
    }

    private func receive<Verified: Sendable>(
        _ request: Request, verify: ([UInt8]) async throws(WebhookRefusal) -> Verified,
        store: (Verified, AppID) async throws -> Void
    ) async throws -> Response {
        let app = try request.parameters["app"].map { _ in try request.parameters.require("app", as: AppID.self) }
        let body = try await request.body(upTo: Self.bodyLimit)
        try ingest.enter()
        defer { ingest.leave() }
        let verified: Verified
        do {
            verified = try await verify(body)
        } catch {
            ingest.noteRefusal(error, from: request.remoteAddress.host)
            return .problem(.unauthorized, code: "webhook_refused", detail: "\(error)", requestID: request.id)
        }
        guard let known = try await apps.app(deliveredTo: app) else {
            throw GatewayError(.notFound, "there is no such app")
        }
        try await store(verified, known.app.id)
        return Response(status: .ok)
    }
}

extension Webhooks {
    private init(_ services: Services) {
        self.init(verifier: services.verifier, ingest: services.ingest, apps: services.apps)
    }
}
