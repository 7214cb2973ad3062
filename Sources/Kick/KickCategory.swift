/// A category (a game, "Just Chatting", …) as events and channels carry it.
package struct KickCategory: Decodable, Hashable, Sendable {
    package let id: Int64
    package let name: String?
    /// URL.
    package let thumbnail: String?

    enum CodingKeys: String, CodingKey {
        case id, name, thumbnail
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decodeIfPresent(Int64.self, forKey: .id) ?? 0
        name = try container.decodeText(forKey: .name)
        thumbnail = try container.decodeText(forKey: .thumbnail)
    }
}

extension KeyedDecodingContainer {
    /// A category. Nil when absent, null, or the zero that stands for a channel that never set one (FACTS §2.3).
    func decodeCategory(forKey key: Key) throws -> KickCategory? {
        let category = try decodeIfPresent(KickCategory.self, forKey: key)
        return category?.id == 0 ? nil : category
    }
}
