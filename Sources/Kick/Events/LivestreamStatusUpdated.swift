package import Model

/// `livestream.status.updated`: the channel went live or stopped.
package struct LivestreamStatusUpdated: EventPayload {
    package static let type = EventType.livestreamStatusUpdated

    package let broadcaster: EventUser
    package let isLive: Bool
    package let title: String?
    package let startedAt: Timestamp?
    /// Nil while live.
    package let endedAt: Timestamp?

    /// Start and state: Kick sends no stream id.

    enum CodingKeys: String, CodingKey {
        case broadcaster
        case isLive = "is_live"
        case title
        case startedAt = "started_at"
        case endedAt = "ended_at"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        broadcaster = try container.decode(EventUser.self, forKey: .broadcaster)
        isLive = try container.decode(Bool.self, forKey: .isLive)
        title = try container.decodeText(forKey: .title)
        startedAt = try container.decodeTime(forKey: .startedAt)
        endedAt = try container.decodeTime(forKey: .endedAt)
    }
}
