import HTTP
package import Net
package import Telemetry

/// Which broadcasts to list, and from where (FACTS §2.5). Everything may be left out.
package struct LivestreamSelection: Hashable, Sendable {
    package let categoryIDs: [Int64]
    package let languages: [String]
    package let limit: Int?
    package let cursor: String?

    /// Throws for more than 25 categories or languages, for a limit outside of 1...1000, for what is no language code and
    /// for a cursor of more than 512 characters.
    package init(
        categoryIDs: [Int64] = [], languages: [String] = [], limit: Int? = nil, cursor: String? = nil
    ) throws(KickBoundError) {
        try Bound.count(categoryIDs, 0...25, "categories")
        for id in categoryIDs { try Bound.positive(id, "categories") }
        try Bound.count(languages, 0...25, "languages")
        for language in languages { try Bound.language(language) }
        if let limit { try Bound.number(limit, 1...1000, "limit") }
        if let cursor { try Bound.opaque(cursor, 1...512, "cursor") }
        self.categoryIDs = categoryIDs
        self.languages = languages
        self.limit = limit
        self.cursor = cursor
    }
}

/// Which broadcasts to list in an order that only the old call knows (FACTS §2.5). It has no pages.
package struct SortedLivestreamSelection: Hashable, Sendable {
    package enum Order: String, Sendable {
        /// Most viewers first.
        case viewerCount = "viewer_count"
        case startedAt = "started_at"
    }

    package let order: Order
    package let categoryID: Int64?
    package let language: String?
    package let limit: Int?

    /// Throws for a limit outside of 1...100, for a category below 1 and for what is no language code.
    package init(
        order: Order = .viewerCount, categoryID: Int64? = nil, language: String? = nil, limit: Int? = nil
    ) throws(KickBoundError) {
        if let categoryID { try Bound.positive(categoryID, "categories") }
        if let language { try Bound.language(language) }
        if let limit { try Bound.number(limit, 1...100, "limit") }
        self.order = order
        self.categoryID = categoryID
        self.language = language
        self.limit = limit
    }
}

extension KickAPI {
    /// How many users one call about their broadcasts takes.
    package static let userLivestreamBatchLength = 100

    /// What is on, the oldest start first. Any token.
    package func livestreams(
        _ selection: LivestreamSelection, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> KickPage<KickLivestream> {
        var query = QueryItems()
        for id in selection.categoryIDs { query.append("category_id", String(id)) }
        for language in selection.languages { query.append("language_code", language) }
        query.append("limit", ifAny: selection.limit)
        query.append("cursor", ifAny: selection.cursor)
        let request = KickRequest(.livestreams, query: query, bearer: token, maximumAnswer: 4 << 20)
        return try await page(request, deadline)
    }

    /// What is on, in an order. Any token. Kick has announced this call's end, but has no other one that sorts.
    package func livestreams(
        sorted selection: SortedLivestreamSelection, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [KickLivestream] {
        var query: QueryItems = ["sort": selection.order.rawValue]
        query.append("category_id", ifAny: selection.categoryID)
        query.append("language", ifAny: selection.language)
        query.append("limit", ifAny: selection.limit)
        return try await page(KickRequest(.livestreamsV1, query: query, bearer: token), deadline).elements
    }

    /// The broadcasts of those among `ids` that are live now, each once, 100 users to a call. Any token.
    package func livestreams(
        userIDs ids: [Int64], token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [KickLivestream] {
        try await batches(
            of: ids.map(String.init), named: "user_id", .userLivestreams,
            length: Self.userLivestreamBatchLength, token: token, deadline)
    }

    /// How many broadcasts are on. Any token.
    package func livestreamCount(token: Secret<String>, deadline: Deadline) async throws(KickError) -> Int {
        struct Stats: Decodable {
            let count: Int

            enum CodingKeys: String, CodingKey {
                case count = "total_count"
            }
        }
        return try await value(of: Stats.self, KickRequest(.livestreamStats, bearer: token), deadline).count
    }
}

extension Bound {
    /// A language code (BCP 47): letters, digits and hyphens, 2 to 35 of them.
    fileprivate static func language(_ code: String) throws(KickBoundError) {
        try characters(code.unicodeScalars.count, 2...35, "languages")
        let isCode = code.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isCode else { throw KickBoundError("languages", "must be language codes such as \"en\" or \"pt-BR\"") }
    }
}
