/// A category as the calls about categories tell (FACTS §2.6). Empty texts become nil.
package struct KickCategoryDetail: Decodable, Hashable, Sendable {
    package let id: Int64
    package let name: String?
    /// URL.
    package let thumbnail: String?
    /// Empty from a search.
    package let tags: [String]
    /// Only from the call about one category, which Kick has announced the end of.
    package let viewerCount: Int?

    enum CodingKeys: String, CodingKey {
        case id, name, thumbnail, tags
        case viewerCount = "viewer_count"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(Int64.self, forKey: .id)
        name = try container.decodeText(forKey: .name)
        thumbnail = try container.decodeText(forKey: .thumbnail)
        tags = try container.decodeList(forKey: .tags)
        viewerCount = try container.decodeIfPresent(Int.self, forKey: .viewerCount)
    }
}
