/// `channel.followed`: somebody follows the channel now. Carries no time and no id, and the same person may follow
/// twice.
package struct ChannelFollowed: EventPayload {
    package static let type = EventType.channelFollowed

    package let broadcaster: EventUser
    package let follower: EventUser
}
