import Gateway
import HTTP
import HTTPServer
import Kick
import Model
import Telemetry

/// `/v1/channels`, and the channel of a login.
enum Channels {
    /// Channels by their broadcasters or by their slugs.
    static func list(_ context: RequestContext) async throws -> Response {
        let parameters = try Parameters(context.request, lists: ["broadcasters", "slugs"])
        let read: KickRead<Batch<KickChannel>> =
            switch (try parameters.ids("broadcasters"), parameters.list("slugs")) {
            case (let ids?, nil): try .channels(ids: ids)
            case (nil, let slugs?): try .channels(slugs: slugs)
            case (nil, nil): throw GatewayError(.invalid, "is missing: or say slugs", field: "broadcasters")
            case (_?, _?): throw GatewayError(.invalid, "must not stand beside broadcasters", field: "slugs")
            }
        return try await context.answer(read) { BatchView($0, ChannelView.init) }
    }

    /// One channel, by id or slug.
    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        let reference = try ChannelReference(context.request.parameters["channel"] ?? "")
        return try await context.answer(.channel(reference), as: ChannelView.init)
    }

    /// The channel of a login, as its broadcaster sees it.
    static func own(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        return try await context.answer(.channel(of: try context.kickID("broadcaster")), as: ChannelView.init)
    }

    /// Changes title, category and tags.
    static func update(_ context: RequestContext) async throws -> Response {
        struct Body: Decodable {
            let title: String?
            let categoryId: Int64?
            let tags: [String]?
        }
        try context.refuseParameters()
        let broadcaster = try context.kickID("broadcaster")
        let body: Body = try await JSONBody.decode(from: context.request)
        let change = try ChannelChange(title: body.title, categoryID: body.categoryId, tags: body.tags)
        try await context.order(.updateChannel(change, of: broadcaster))
        return .noContent
    }

    /// What lets anybody go live on the channel: never kept anywhere.
    static func streamKey(_ context: RequestContext) async throws -> Response {
        struct View: Encodable {
            let url: String
            let key: String
        }
        try context.refuseParameters()
        return try await context.answer(.streamKey(of: try context.kickID("broadcaster"))) {
            View(url: $0.url.reveal(), key: $0.key.reveal())
        }
    }
}

/// A channel and its broadcast in one flat shape.
struct ChannelView: Encodable {
    let broadcasterUserID: Int64
    let slug: String
    let title: Nullable<String>
    let description: Nullable<String>
    let bannerPicture: Nullable<String>
    let category: Nullable<CategoryReferenceView>
    let tags: [String]
    let language: Nullable<String>
    let isLive: Bool
    let isMature: Bool
    let startedAt: Nullable<Timestamp>
    let viewerCount: Nullable<Int>
    let thumbnail: Nullable<String>
    let activeSubscribersCount: Nullable<Int>
    let giftedSubscribersCount: Nullable<Int>
    let canceledSubscribersCount: Nullable<Int>

    init(_ channel: KickChannel) {
        let stream = channel.stream
        broadcasterUserID = channel.broadcasterUserID
        slug = channel.slug
        title = Nullable(channel.streamTitle)
        description = Nullable(channel.description)
        bannerPicture = Nullable(channel.bannerPicture)
        category = Nullable(channel.category.map(CategoryReferenceView.init))
        tags = stream?.customTags ?? []
        language = Nullable(stream?.language)
        isLive = stream?.isLive ?? false
        isMature = stream?.isMature ?? false
        startedAt = Nullable(stream?.startTime)
        // While nothing is on nobody watches: Kick's 0 says nothing.
        viewerCount = Nullable(isLive ? stream?.viewerCount : nil)
        thumbnail = Nullable(stream?.thumbnail)
        activeSubscribersCount = Nullable(channel.activeSubscribersCount)
        giftedSubscribersCount = Nullable(channel.activeGiftedSubscribersCount)
        canceledSubscribersCount = Nullable(channel.canceledSubscribersCount)
    }
}

/// A category as channels and broadcasts name it.
struct CategoryReferenceView: Encodable {
    let id: Int64
    let name: Nullable<String>
    let thumbnail: Nullable<String>

    init(_ category: KickCategory) {
        id = category.id
        name = Nullable(category.name)
        thumbnail = Nullable(category.thumbnail)
    }
}
