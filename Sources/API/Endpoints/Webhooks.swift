import Gateway
import HTTP
import HTTPServer
import Kick
import Model
import Net
import Store
import Telemetry

/// Where Kick delivers. Nothing looks at the body before its signature was checked (P8).
enum Webhooks {
    /// Largest body, in bytes; the largest seen is under 4 KiB.
    private static let bodyLimit = 128 * 1024
    private static let report = Log("webhooks")

    /// 200 only after the event is committed (P7), also for one that is known already or wanted by nobody; 401 for a
    /// delivery that Kick did not sign; 503 when it cannot be stored now, so that Kick comes again.
    static func receive(_ context: RequestContext) async throws -> Response {
        let app = try context.request.parameters["app"].map { _ in
            try context.request.parameters.require("app", as: AppID.self)
        }
        let body = try await context.request.body(upTo: bodyLimit)
        let webhook: VerifiedWebhook
        do {
            webhook = try await context.services.verifier.verify(fields: context.request.fields, body: body)
        } catch {
            report.warning(
                "a webhook was refused",
                ["reason": .text(error), "from": .string(context.request.remoteAddress.host)])
            return .problem(
                .unauthorized, code: "webhook_refused", detail: "\(error)", requestID: context.request.id)
        }
        // Kick does not sign the type: whoever has a genuine delivery could pass it off as a word of the gateway's own.
        guard !webhook.type.rawValue.hasPrefix(GatewayEvent.prefix) else {
            report.warning(
                "a webhook was refused",
                [
                    "reason": "its type is one of the gateway's own",
                    "from": .string(context.request.remoteAddress.host),
                ])
            return .problem(
                .unauthorized, code: "webhook_refused", detail: "the type is not one of Kick's",
                requestID: context.request.id)
        }
        guard let known = try await context.services.apps.app(app) else {
            throw GatewayError(.notFound, "there is no such app")
        }
        let outcome = try await context.services.ingest.ingest(webhook, app: known.app.id)
        switch outcome {
        case .stored, .known: break
        case .unwanted:
            report.info(
                "a webhook that nobody wants",
                ["type": .text(webhook.type), "message_id": .string(webhook.messageID)])
        }
        return Response(status: .ok)
    }
}
