import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/categories`.
enum Categories {
    struct View: Encodable {
        let id: Int64
        let name: Nullable<String>
        let thumbnail: Nullable<String>
        let tags: [String]
        let viewerCount: Nullable<Int>

        init(_ category: KickCategoryDetail) {
            id = category.id
            name = Nullable(category.name)
            thumbnail = Nullable(category.thumbnail)
            tags = category.tags
            viewerCount = Nullable(category.viewerCount)
        }
    }

    static func list(_ context: RequestContext) async throws -> Response {
        let parameters = try Parameters(
            context.request, lists: ["names", "tags", "ids"], singles: ["search", "limit", "cursor"])
        return try await context.answer(try read(parameters)) { PageView($0, View.init) }
    }

    static func get(_ context: RequestContext) async throws -> Response {
        try context.refuseParameters()
        return try await context.answer(.category(try context.kickID("category")), as: View.init)
    }

    private static func read(_ parameters: Parameters) throws -> KickRead<KickPage<KickCategoryDetail>> {
        let cursor = parameters.text("cursor")
        if let search = parameters["search"] {
            for other in ["names", "tags", "ids", "limit"] where parameters[other] != nil {
                throw GatewayError(.invalid, "must not stand beside search", field: other)
            }
            return .categories(search: try CategorySearch(search, cursor: cursor))
        }
        return .categories(
            try CategorySelection(
                names: parameters.list("names") ?? [], tags: parameters.list("tags") ?? [],
                ids: try parameters.ids("ids") ?? [], limit: try parameters.number("limit", in: 1...1000),
                cursor: cursor))
    }
}
