import HTTP
package import Net
package import Telemetry

/// What is to change about the own channel (FACTS §2.3). What is nil stays as it is.
package struct ChannelChange: Hashable, Sendable {
    package let title: String?
    package let categoryID: Int64?
    package let tags: [String]?

    /// Throws when there is nothing to change, for an empty or blank title, for a category below 1, for more than 10 tags
    /// and for an empty or blank tag.
    package init(title: String? = nil, categoryID: Int64? = nil, tags: [String]? = nil) throws(KickBoundError) {
        guard title != nil || categoryID != nil || tags != nil else {
            throw KickBoundError("body", "must have at least one of title, category_id and tags")
        }
        if let title { try Bound.notBlank(title, "title") }
        if let categoryID { try Bound.positive(categoryID, "category_id") }
        if let tags {
            try Bound.count(tags, 0...10, "tags")
            for tag in tags { try Bound.notBlank(tag, "tags") }
        }
        self.title = title
        self.categoryID = categoryID
        self.tags = tags
    }
}

extension KickAPI {
    /// Changes the token's own channel. User token with `channel:write`. The channel may be read as it was for a while
    /// (FACTS §2.3).
    package func updateChannel(
        _ change: ChannelChange, token: Secret<String>, deadline: Deadline
    ) async throws(KickError) {
        struct Body: Encodable {
            let title: String?
            let categoryID: Int64?
            let tags: [String]?

            enum CodingKeys: String, CodingKey {
                case title = "stream_title"
                case categoryID = "category_id"
                // Kick ignores `tags` and says 204 all the same.
                case tags = "custom_tags"
            }
        }
        let body = try Self.json(Body(title: change.title, categoryID: change.categoryID, tags: change.tags))
        try await command(KickRequest(.updateChannel, body: body, bearer: token), deadline)
    }
}
