/// `livestream.metadata.updated`: title, language, category or maturity changed. Carries no time and no id.
package struct LivestreamMetadataUpdated: EventPayload {
    package static let type = EventType.livestreamMetadataUpdated

    package let broadcaster: EventUser
    package let metadata: Metadata

    /// What holds from now on.
    package struct Metadata: Decodable, Sendable {
        package let title: String?
        package let language: String?
        package let hasMatureContent: Bool
        package let category: KickCategory?

        enum CodingKeys: String, CodingKey {
            case title, language
            case hasMatureContent = "has_mature_content"
            case category
            /// Seen on the wire with a capital letter, against the documentation (FACTS §4.6).
            case capitalCategory = "Category"
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            title = try container.decodeText(forKey: .title)
            language = try container.decodeText(forKey: .language)
            hasMatureContent = try container.decodeFlag(forKey: .hasMatureContent)
            category =
                try container.decodeCategory(forKey: .category) ?? container.decodeCategory(forKey: .capitalCategory)
        }
    }
}
