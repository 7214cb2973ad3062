import HTTP
package import Net
package import Telemetry

/// Which categories to list (FACTS §2.6): by names, by tags or by ids, of which Kick takes one kind at a time; or all.
package struct CategorySelection: Hashable, Sendable {
    package let names: [String]
    package let tags: [String]
    package let ids: [Int64]
    package let limit: Int?
    package let cursor: String?

    /// Throws for more than one kind, for more than 25 names or tags or 100 ids, for names and tags that are not 3 to 100
    /// characters long or hold a comma, which separates them at Kick, for ids below 1, for a limit outside of 1...1000 and
    /// for a cursor that is not 4 to 28 characters long.
    package init(
        names: [String] = [], tags: [String] = [], ids: [Int64] = [], limit: Int? = nil, cursor: String? = nil
    ) throws(KickBoundError) {
        try Bound.words(names, "names")
        try Bound.words(tags, "tags")
        try Bound.count(ids, 0...100, "ids")
        for id in ids { try Bound.positive(id, "ids") }
        let kinds = [("names", names.isEmpty), ("tags", tags.isEmpty), ("ids", ids.isEmpty)].filter { !$0.1 }
        guard kinds.count < 2 else {
            throw KickBoundError(kinds[1].0, "must not stand beside \(kinds[0].0)")
        }
        if let limit { try Bound.number(limit, 1...1000, "limit") }
        if let cursor { try Bound.opaque(cursor, 4...28, "cursor") }
        self.names = names
        self.tags = tags
        self.ids = ids
        self.limit = limit
        self.cursor = cursor
    }
}

/// What to look for among the categories' names. The cursor is the number of a page: this call of Kick's has no other.
package struct CategorySearch: Hashable, Sendable {
    /// As many as Kick puts on a page.
    fileprivate static let pageLength = 100

    package let text: String
    package let page: Int

    /// Throws for a text that is empty, blank or longer than 100 characters, and for a cursor that no answer gave.
    package init(_ text: String, cursor: String? = nil) throws(KickBoundError) {
        try Bound.text(text, 1...100, "search")
        guard let page = cursor.map(Int.init) ?? 1, (1...10_000).contains(page) else {
            throw KickBoundError("cursor", "must be the next_cursor of an earlier answer")
        }
        self.text = text
        self.page = page
    }
}

extension KickAPI {
    /// The categories that are meant. Any token.
    package func categories(
        _ selection: CategorySelection, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KickPage<KickCategoryDetail> {
        var query = QueryItems()
        // Joined with commas, not repeated.
        for (name, values) in [
            ("name", selection.names), ("tag", selection.tags), ("id", selection.ids.map(String.init)),
        ] where !values.isEmpty {
            query.append(name, values.joined(separator: ","))
        }
        query.append("limit", ifAny: selection.limit)
        query.append("cursor", ifAny: selection.cursor)
        let request = KickRequest(.categories, query: query, bearer: token, maximumAnswer: 4 << 20)
        return try await page(request, deadline)
    }

    /// The categories whose names are like a text. Any token. Kick has announced this call's end, but has no other one
    /// that searches.
    package func categories(
        search: CategorySearch, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KickPage<KickCategoryDetail> {
        let query: QueryItems = ["q": search.text, "page": String(search.page)]
        let request = KickRequest(.categorySearch, query: query, bearer: token)
        let found = try await page(of: KickCategoryDetail.self, request, deadline).elements
        let isFull = found.count >= CategorySearch.pageLength
        return KickPage(elements: found, nextCursor: isFull ? String(search.page + 1) : nil)
    }

    /// One category, with its viewers. Any token. Throws `notFound` for one that does not exist. Kick has announced this
    /// call's end, but no other one tells of viewers.
    package func category(
        id: Int64, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KickCategoryDetail {
        let request = KickRequest(.category, id: String(id), bearer: token)
        guard let category = try await value(of: KickCategoryDetail?.self, request, deadline) else {
            throw KickError(.notFound, status: 200)
        }
        return category
    }
}

extension Bound {
    /// Names or tags of categories.
    fileprivate static func words(_ words: [String], _ field: String) throws(KickBoundError) {
        try count(words, 0...25, field)
        for word in words {
            try text(word, 3...100, field)
            guard !word.contains(",") else { throw KickBoundError(field, "must not hold a comma within an entry") }
        }
    }
}
