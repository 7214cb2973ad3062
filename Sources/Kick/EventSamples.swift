package import Model

/// A body of every known type as Kick would send it (FACTS §4.6), made up for whoever builds a page and does not want to
/// wait until somebody follows.
package enum EventSamples {
    /// Whose channel it happens on.
    package struct Broadcaster: Sendable {
        package let userID: Int64
        package let username: String
        package let slug: String

        package init(userID: Int64, username: String, slug: String?) {
            self.userID = userID
            self.username = username
            self.slug = slug ?? username
        }
    }

    /// Compact JSON in Kick's order of members; nil for a type that Kick is not known to send.
    ///
    /// - Parameter id: a name of the fact, new for each, so that it is not taken for one that was.
    package static func body(
        of type: EventType, broadcaster: Broadcaster, id: String, at now: Timestamp
    ) -> [UInt8]? {
        let time = Timestamp(seconds: now.seconds)
        let later = time + .seconds(30 * 86_400)
        let owner = user(broadcaster.userID, broadcaster.username, slug: broadcaster.slug)
        let viewer = user(viewerID, viewerName, slug: viewerName)
        let plainOwner = plainUser(broadcaster.userID, broadcaster.username, slug: broadcaster.slug)
        let plainViewer = plainUser(viewerID, viewerName, slug: viewerName)
        let text: String? =
            switch type {
            case .chatMessageSent:
                """
                {"message_id":"\(id)","replies_to":null,"broadcaster":\(owner),"sender":\(sender),\
                "content":"Hello! This is a test. [emote:37226:KEKW]",\
                "emotes":[{"emote_id":"37226","positions":[{"s":23,"e":40}]}],"created_at":"\(time)"}
                """
            case .channelFollowed: #"{"broadcaster":\#(owner),"follower":\#(viewer)}"#
            case .channelSubscriptionNew, .channelSubscriptionRenewal:
                """
                {"broadcaster":\(owner),"subscriber":\(viewer),"duration":\(type == .channelSubscriptionNew ? 1 : 3),\
                "created_at":"\(time)","expires_at":"\(later)"}
                """
            case .channelSubscriptionGifts:
                """
                {"broadcaster":\(owner),"gifter":\(viewer),"giftees":[\(user(4243, "test_giftee", slug: "test_giftee"))],\
                "created_at":"\(time)","expires_at":"\(later)"}
                """
            case .channelRewardRedemptionUpdated:
                """
                {"id":"\(id)","user_input":"This is a test","status":"pending","redeemed_at":"\(time)",\
                "reward":{"id":"01KBHE7RZNHB0SKDV1H86CD4F3","title":"Test reward","cost":100,"description":"A test"},\
                "redeemer":\(plainViewer),"broadcaster":\(plainOwner)}
                """
            case .livestreamStatusUpdated:
                """
                {"broadcaster":\(owner),"is_live":true,"title":"Test stream","started_at":"\(time)","ended_at":null}
                """
            case .livestreamMetadataUpdated:
                """
                {"broadcaster":\(owner),"metadata":{"title":"Test stream","language":"en","has_mature_content":false,\
                "category":{"id":15,"name":"Just Chatting","thumbnail":""}}}
                """
            case .moderationBanned:
                """
                {"broadcaster":\(owner),"moderator":\(user(4244, "test_moderator", slug: "test_moderator")),\
                "banned_user":\(viewer),"metadata":{"reason":"A test","created_at":"\(time)",\
                "expires_at":"\(time + .seconds(600))"}}
                """
            case .kicksGifted:
                """
                {"broadcaster":\(plainOwner),"sender":\(plainViewer),"gift":{"amount":100,"name":"Full Send",\
                "type":"BASIC","tier":"BASIC","message":"This is a test","pinned_time_seconds":600},\
                "created_at":"\(time)"}
                """
            case .dropsClaim:
                """
                {"claim_id":"\(id)","user_id":\(viewerID),"campaign_id":"01JAXK8N4QWRTY5PM7ZEBVJDS8",\
                "reward_id":"01K0TDDR08Q5ZNWXK92SDH7SDH","external_id":"test"}
                """
            default: nil
            }
        return text.map { Array($0.utf8) }
    }

    /// Nobody's on Kick, as far as names can be: underscores do not occur in slugs.
    private static let viewerID: Int64 = 4242
    private static let viewerName = "test_viewer"

    private static func user(_ id: Int64, _ name: String, slug: String, identity: String = "null") -> String {
        """
        {"is_anonymous":false,"user_id":\(id),"username":\(quoted(name)),"is_verified":false,"profile_picture":"",\
        "channel_slug":\(quoted(slug)),"identity":\(identity)}
        """
    }

    /// The users of rewards and kicks lack two members.
    private static func plainUser(_ id: Int64, _ name: String, slug: String) -> String {
        """
        {"user_id":\(id),"username":\(quoted(name)),"is_verified":false,"profile_picture":"",\
        "channel_slug":\(quoted(slug))}
        """
    }

    private static var sender: String {
        let identity = """
            {"username_color":"#75FD46","badges":[{"text":"Moderator","type":"moderator"},\
            {"text":"Subscriber","type":"subscriber","count":3}]}
            """
        return user(viewerID, viewerName, slug: viewerName, identity: identity)
    }

    /// A JSON string (RFC 8259 §7).
    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                result += "\\u00\(hex.utf8.count == 1 ? "0" : "")\(hex)"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
