import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/broadcasters/{broadcaster}/bans/{user}`.
enum Bans {
    /// Bans, or with a duration bans for a time. A body is not needed.
    static func put(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            var durationMinutes: Int?
            var reason: String?
            var moderatorUserId: Int64?
        }
        struct View: Encodable {
            let broadcasterUserID: Int64
            let userID: Int64
            /// Null: for good.
            let durationMinutes: Nullable<Int>
            let reason: Nullable<String>
        }
        try context.refuseParameters()
        let (broadcaster, user) = (try context.kickID("broadcaster"), try context.kickID("user"))
        let body: Body = try await JSONBody.decodeIfAny(from: context.request) ?? Body()
        let ban = try Ban(
            broadcasterUserID: broadcaster, userID: user, durationMinutes: body.durationMinutes, reason: body.reason)
        try await context.order(
            .ban(ban, as: try Chat.actor(body.moderatorUserId, "moderator_user_id") ?? broadcaster))
        return try JSONBody.encode(
            View(
                broadcasterUserID: broadcaster, userID: user, durationMinutes: Nullable(ban.durationMinutes),
                reason: Nullable(ban.reason)))
    }

    /// Lifts a ban, or a time-out.
    static func delete(_ context: RequestContext) async throws -> Response {
        let (broadcaster, user) = (try context.kickID("broadcaster"), try context.kickID("user"))
        let parameters = try Parameters(context.request, singles: ["moderator_user_id"])
        try await context.order(
            .unban(user, from: broadcaster, as: try parameters.id("moderator_user_id") ?? broadcaster))
        return .noContent
    }
}
