import HTTP
import HTTPClient
import Net

extension OutboundClient {
    /// Posts webhooks for a ``WebhookSender``.
    var webhookTransport: WebhookSender.Transport {
        { url, webhook, deadline in
            let request = OutboundRequest(.post, url, fields: webhook.fields, body: webhook.body)
            do throws(ClientError) {
                return .success(Int(try await self.send(request, deadline: deadline).status.code))
            } catch {
                return .failure(WebhookSender.TransportError(reason: error.description))
            }
        }
    }
}
