import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/livestreams`: one shape, whichever of Kick's calls knows the answer.
enum Livestreams {
    struct View: Encodable {
        let id: Nullable<String>
        let broadcasterUserID: Int64
        let slug: Nullable<String>
        let username: Nullable<String>
        let profilePicture: Nullable<String>
        let title: Nullable<String>
        let category: Nullable<CategoryReferenceView>
        let tags: [String]
        let language: Nullable<String>
        let isMature: Bool
        let startedAt: Nullable<Timestamp>
        let viewerCount: Nullable<Int>
        let thumbnail: Nullable<String>

        init(_ livestream: KickLivestream) {
            id = Nullable(livestream.id)
            broadcasterUserID = livestream.broadcasterUserID
            slug = Nullable(livestream.slug)
            username = Nullable(livestream.username)
            profilePicture = Nullable(livestream.profilePicture)
            title = Nullable(livestream.title)
            category = Nullable(livestream.category.map(CategoryReferenceView.init))
            tags = livestream.tags
            language = Nullable(livestream.language)
            isMature = livestream.isMature
            startedAt = Nullable(livestream.startedAt)
            viewerCount = Nullable(livestream.viewerCount)
            thumbnail = Nullable(livestream.thumbnail)
        }
    }

    private struct Stats: Encodable {
        let totalCount: Int
    }

    static func list(_ context: RequestContext) async throws -> Response {
        let parameters = try Parameters(
            context.request, lists: ["broadcasters", "categories", "languages"], singles: ["sort", "limit", "cursor"])
        return try await context.answer(try read(parameters)) { PageView($0, View.init) }
    }

    static func stats(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        return try await context.answer(.livestreamCount, as: Stats.init)
    }

    private static func read(_ parameters: Parameters) throws -> KickRead<KickPage<KickLivestream>> {
        if let broadcasters = try parameters.ids("broadcasters") {
            for other in ["categories", "languages", "sort", "limit", "cursor"] where parameters[other] != nil {
                throw GatewayError(.invalid, "must not stand beside broadcasters", field: other)
            }
            return try .livestreams(of: broadcasters)
        }
        let categories = try parameters.ids("categories") ?? []
        let languages = parameters.list("languages") ?? []
        switch parameters["sort"] ?? "started_at" {
        case "started_at":
            return .livestreams(
                try LivestreamSelection(
                    categoryIDs: categories, languages: languages,
                    limit: try parameters.number("limit", in: 1...1000), cursor: parameters.text("cursor")))
        case "viewer_count": return try sorted(parameters, categories, languages)
        default: throw GatewayError(.invalid, "must be started_at or viewer_count", field: "sort")
        }
    }

    /// Most viewers first: only Kick's old call sorts, and it knows one category, one language and no pages.
    private static func sorted(
        _ parameters: Parameters, _ categories: [Int64], _ languages: [String]
    ) throws -> KickRead<KickPage<KickLivestream>> {
        for (name, count) in [("categories", categories.count), ("languages", languages.count)] where count > 1 {
            throw GatewayError(.invalid, "must be one at most with sort=viewer_count, is \(count)", field: name)
        }
        if parameters["cursor"] != nil {
            throw GatewayError(.invalid, "must not stand beside sort=viewer_count, which has no pages", field: "cursor")
        }
        return .livestreams(
            sorted: try SortedLivestreamSelection(
                order: .viewerCount, categoryID: categories.first, language: languages.first,
                limit: try parameters.number("limit", in: 1...100)))
    }
}
