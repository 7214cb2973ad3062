import Crypto
package import HTTP

extension SandboxState {
    private static let pageOfV1 = 100

    /// GET /public/v2/categories (FACTS §2.6). Several names, tags or ids stand in one value, with commas. A name fits a
    /// part of the category's, a tag the whole; upper and lower case are one.
    package func categoriesV2Answer(_ query: QueryItems) -> APIAnswer {
        guard let names = Self.texts("name", in: query), let tags = Self.texts("tag", in: query),
            let ids = Self.categoryIDs(in: query), ids.isEmpty || names.isEmpty && tags.isEmpty,
            let limit = Self.limit(in: query, default: 25, maximum: 1000), let start = Self.categoryStart(in: query)
        else { return .invalidRequest }
        let found = SandboxCategory.all.filter { category in
            (ids.isEmpty || ids.contains(category.id))
                && (names.isEmpty || names.contains { category.name.lowercased().contains($0) })
                && (tags.isEmpty || category.tags.contains { tags.contains($0.lowercased()) })
        }
        let rest = found.dropFirst(start)
        return .page(
            rest.prefix(limit).map(\.jsonWithTags),
            nextCursor: rest.count > limit ? Self.categoryCursor(start + limit) : "")
    }

    /// GET /public/v1/categories (FACTS §2.6): a part of the name, a hundred a page.
    package func categorySearchAnswer(_ query: QueryItems) -> APIAnswer {
        guard let text = query["q"], !text.isEmpty, let page = Int(query["page"] ?? "1"), page >= 1 else {
            return .invalidRequest
        }
        let found = SandboxCategory.all.filter { $0.name.lowercased().contains(text.lowercased()) }
        let (start, isTooFar) = (page - 1).multipliedReportingOverflow(by: Self.pageOfV1)
        return .ok(.array(isTooFar ? [] : found.dropFirst(start).prefix(Self.pageOfV1).map(\.json)))
    }

    /// GET /public/v1/categories/{category_id} (FACTS §2.6).
    package func categoryAnswer(_ text: String) -> APIAnswer {
        guard let id = Int(text) else { return .invalidRequest }
        guard let category = SandboxCategory.listed(id) else { return .notFound }
        let viewers = users.values.filter { $0.channel.liveSince != nil && $0.channel.categoryID == id }
            .reduce(0) { $0 + $1.channel.viewerCount }
        return .ok(category.json(viewerCount: viewers))
    }

    // MARK: Parameters

    /// What stands between the commas, in lower case; each 3 to 100 characters. Nil when one is not.
    private static func texts(_ name: String, in query: QueryItems) -> [String]? {
        let values = query.values(of: name)
        guard values.count <= 1 else { return nil }
        let texts = values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
        return texts.allSatisfy { (3...100).contains($0.count) } ? texts.map { $0.lowercased() } : nil
    }

    private static func categoryIDs(in query: QueryItems) -> [Int]? {
        let values = query.values(of: "id")
        guard values.count <= 1 else { return nil }
        let texts = values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let ids = texts.compactMap { Int($0) }.filter { $0 >= 1 }
        return ids.count == texts.count ? ids : nil
    }

    private static func categoryCursor(_ start: Int) -> String { Base64.encode(Array("at:\(start)".utf8)) }

    /// Nil when the cursor is none of ours: 4 to 28 characters.
    private static func categoryStart(in query: QueryItems) -> Int? {
        guard let cursor = query["cursor"] else { return 0 }
        guard (4...28).contains(cursor.count), let bytes = Base64.decode(cursor), bytes.starts(with: "at:".utf8) else {
            return nil
        }
        return Int(String(decoding: bytes.dropFirst(3), as: UTF8.self)).flatMap { $0 >= 0 ? $0 : nil }
    }
}
