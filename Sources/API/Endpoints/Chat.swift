import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/broadcasters/{broadcaster}/chat/messages`.
enum Chat {
    /// Writes a message into the channel's chat: as the broadcaster, as another of the tenant's logins, or as the app's bot.
    static func send(_ context: RequestContext) async throws -> Response {
        enum Author: String, Decodable {
            case user
            case bot
        }
        struct Body: Decodable {
            let content: String
            let `as`: String?
            let senderUserId: Int64?
            let replyToMessageId: String?
        }
        struct View: Encodable {
            let messageID: Nullable<String>
            let isSent: Bool
        }
        try context.refuseParameters()
        let broadcaster = try context.kickID("broadcaster")
        let body: Body = try await JSONBody.decode(from: context.request)
        guard let author = Author(rawValue: body.as ?? "user") else {
            throw GatewayError(.invalid, "must be user or bot", field: "as")
        }
        if author == .bot, body.senderUserId != nil {
            throw GatewayError(
                .invalid, "must not stand beside as: bot, which writes with the broadcaster's login",
                field: "sender_user_id")
        }
        let message = try OutgoingChatMessage(
            body.content, as: author == .bot ? .bot : .user(broadcasterUserID: broadcaster),
            replyTo: body.replyToMessageId)
        let receipt = try await context.order(
            .sendMessage(message, as: try actor(body.senderUserId, "sender_user_id") ?? broadcaster))
        return try JSONBody.encode(
            View(messageID: Nullable(receipt.messageID), isSent: receipt.isSent), status: .created)
    }

    /// Takes a message out.
    static func delete(_ context: RequestContext) async throws -> Response {
        let broadcaster = try context.kickID("broadcaster")
        let parameters = try Parameters(context.request, singles: ["moderator_user_id"])
        let message = try KickID(context.request.parameters["message"] ?? "", named: "message")
        try await context.order(
            .deleteMessage(message, as: try parameters.id("moderator_user_id") ?? broadcaster))
        return .noContent
    }

    /// Checks the id of a login that acts for somebody.
    static func actor(_ user: Int64?, _ field: String) throws(GatewayError) -> Int64? {
        guard let user else { return nil }
        guard user > 0 else { throw GatewayError(.invalid, "must be at least 1, is \(user)", field: field) }
        return user
    }
}
