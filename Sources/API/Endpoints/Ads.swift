import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/broadcasters/{broadcaster}/ads`.
enum Ads {
    struct View: Encodable {
        struct Break: Encodable {
            let id: String
            let status: Nullable<String>
            let durationSeconds: Nullable<Int>
            let createdAt: Nullable<Timestamp>
            let source: Nullable<String>

            init(_ adBreak: KickAdStatus.Break) {
                id = adBreak.id
                status = Nullable(adBreak.status)
                durationSeconds = Nullable(adBreak.durationSeconds)
                createdAt = Nullable(adBreak.createdAt)
                source = Nullable(adBreak.source)
            }
        }

        struct Limits: Encodable {
            let max: Int
            let periodSeconds: Int
        }

        let optedIn: Bool
        let adsBlocked: Bool
        let autoAdsActive: Nullable<Bool>
        let remainingAdBreaks: Nullable<Int>
        let adBreaks: [Break]
        let limits: Nullable<Limits>

        init(_ status: KickAdStatus) {
            optedIn = status.isOptedIn
            adsBlocked = status.areAdsBlocked
            autoAdsActive = Nullable(status.areAutoAdsActive)
            remainingAdBreaks = Nullable(status.remainingAdBreaks)
            adBreaks = status.adBreaks.map(Break.init)
            limits = Nullable(status.limits.map { Limits(max: $0.max, periodSeconds: $0.periodSeconds) })
        }
    }

    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        return try await context.answer(.adStatus(of: try context.kickID("broadcaster")), as: View.init)
    }

    /// Begins a break, under an id of the caller's own if there is one.
    static func start(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let durationSeconds: Int
            let id: String?
        }
        struct Receipt: Encodable {
            let id: String
            let remainingAdBreaks: Nullable<Int>
        }
        try context.refuseParameters()
        let broadcaster = try context.kickID("broadcaster")
        let body: Body = try await JSONBody.decode(from: context.request)
        let adBreak = try AdBreak(durationSeconds: body.durationSeconds, id: body.id)
        let receipt = try await context.order(.startAdBreak(adBreak, of: broadcaster))
        return try JSONBody.encode(
            Receipt(id: receipt.id, remainingAdBreaks: Nullable(receipt.remainingAdBreaks)), status: .created)
    }

    /// Opts the channel in.
    static func enroll(_ context: RequestContext) async throws -> Response {
        struct Nothing: Decodable {}
        try context.refuseParameters()
        let broadcaster = try context.kickID("broadcaster")
        let _: Nothing? = try await JSONBody.decodeIfAny(from: context.request)
        try await context.order(.enrollInAds(broadcaster))
        return .noContent
    }
}
