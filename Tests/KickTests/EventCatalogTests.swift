import Foundation
import Kick
import Model
import Testing

@Suite("Event catalogue and payloads")
struct EventCatalogTests {
    func decode<Payload: EventPayload>(_ body: [UInt8], as _: Payload.Type = Payload.self) throws -> Payload {
        let payload = try EventCatalog.decode(body, type: Payload.type, version: "1")
        return try #require(payload as? Payload)
    }

    static let examples = [
        "channel.followed", "channel.reward.redemption.updated", "channel.reward.redemption.updated.accepted",
        "channel.reward.redemption.updated.pending", "channel.subscription.gifts",
        "channel.subscription.gifts.anonymous", "channel.subscription.new", "channel.subscription.renewal",
        "chat.message.sent", "chat.message.sent.no_emotes", "chat.message.sent.reply", "kicks.gifted",
        "kicks.gifted.basic", "livestream.metadata.updated", "livestream.status.updated",
        "livestream.status.updated.ended", "livestream.status.updated.started", "moderation.banned",
        "moderation.banned.permanent",
    ]

    /// The longest catalogue name that the file's name begins with.
    static func type(of example: String) throws -> EventType {
        let entry = EventCatalog.entries.filter { example.hasPrefix($0.type.rawValue) }
            .max { $0.type.rawValue.count < $1.type.rawValue.count }
        return try #require(entry?.type)
    }

    @Test("The list of examples is the folder's, all ten types have one")
    func complete() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Fixture.folder.appending(path: "events").path)
        let names = files.filter { $0.hasSuffix(".json") && $0 != "drops.claim.json" }.map { String($0.dropLast(5)) }
        #expect(Set(names) == Set(Self.examples))
        #expect(EventCatalog.entries.count == 10)
        #expect(try Set(names.map(Self.type)) == Set(EventCatalog.entries.map(\.type)))
        #expect(EventCatalog.entries.allSatisfy { $0.version == 1 })
    }

    @Test("Every example decodes into its type's payload", arguments: examples)
    func examplesDecode(name: String) throws {
        let type = try Self.type(of: name)
        let payload = try #require(try EventCatalog.decode(Fixture.event(name), type: type, version: "1"))
        #expect(Swift.type(of: payload).type == type)
        #expect(payload.broadcaster.userID != nil)
    }

    @Test("P13: unknown types and versions are no error")
    func unknown() throws {
        let body = Array("{}".utf8)
        #expect(try EventCatalog.decode(body, type: EventType(rawValue: "channel.raided"), version: "1") == nil)
        #expect(try EventCatalog.decode(body, type: .chatMessageSent, version: "2") == nil)
        #expect(EventCatalog.entry(for: EventType(rawValue: "channel.raided")) == nil)
    }

    @Test("A body under another type's name is refused, with the field's name and without values")
    func wrongShape() throws {
        let error = try #require(throws: EventDecodingError.self) {
            try EventCatalog.decode(Fixture.event("chat.message.sent"), type: .kicksGifted, version: "1")
        }
        #expect(error.description == "kicks.gifted: gift is missing")
        for body in ["", "[]", "null", "{", "\"text\"", "{\"broadcaster\":7}"] {
            #expect(throws: EventDecodingError.self, "\(body)") {
                try EventCatalog.decode(Array(body.utf8), type: .channelFollowed, version: "1")
            }
        }
        let bad = try Fixture.event("kicks.gifted", replacing: "\"amount\": 500", with: "\"amount\": \"s3cret\"")
        let typed = try #require(throws: EventDecodingError.self) { try decode(bad, as: KicksGifted.self) }
        #expect(typed.path == "gift.amount")
        #expect(!typed.debugDescription.contains("s3cret"))
    }

    // MARK: Values, type by type

    @Test func chatMessage() throws {
        let message = try decode(Fixture.event("chat.message.sent"), as: ChatMessageSent.self)
        #expect(message.messageID == "unique_message_id_123")
        #expect(message.broadcaster.userID == 123_456_789)
        #expect(message.broadcaster.identity == nil)
        #expect(message.sender.username == "sender_name")
        #expect(message.sender.isAnonymous == false)
        #expect(message.sender.isVerified == false)
        #expect(message.sender.identity?.usernameColor == "#FF5733")
        #expect(message.sender.identity?.badges.map(\.type) == ["moderator", "sub_gifter", "subscriber"])
        #expect(message.sender.identity?.badges.map(\.count) == [nil, 5, 3])
        #expect(message.emotes.map(\.emoteID) == ["4148074", "37226"])
        #expect(message.emotes[0].positions.map(\.start) == [6, 32])
        #expect(message.emotes[0].positions.map(\.end) == [30, 56])
        #expect(message.repliesTo == nil)
        #expect(message.createdAt == Timestamp(parsing: "2025-01-14T16:08:06Z"))
    }

    @Test func reply() throws {
        let message = try decode(Fixture.event("chat.message.sent.reply"), as: ChatMessageSent.self)
        #expect(message.repliesTo?.messageID == "unique_message_id_456")
        #expect(message.repliesTo?.content == "This is the parent message!")
        #expect(message.repliesTo?.sender.userID == 12345)
        #expect(message.repliesTo?.sender.identity == nil)
    }

    @Test func subscriptions() throws {
        let new = try decode(Fixture.event("channel.subscription.new"), as: ChannelSubscriptionNew.self)
        #expect(new.subscriber.userID == 987_654_321)
        #expect(new.duration == 1)
        #expect(new.expiresAt == Timestamp(parsing: "2025-02-14T16:08:06Z"))
        let renewal = try decode(Fixture.event("channel.subscription.renewal"), as: ChannelSubscriptionRenewal.self)
        #expect(renewal.duration == 3)
        let gifts = try decode(Fixture.event("channel.subscription.gifts"), as: ChannelSubscriptionGifts.self)
        #expect(gifts.gifter.userID == 987_654_321)
        #expect(gifts.giftees.map(\.userID) == [561_654_654])
        let anonymous = try decode(
            Fixture.event("channel.subscription.gifts.anonymous"), as: ChannelSubscriptionGifts.self)
        #expect(anonymous.gifter.isAnonymous)
        #expect(anonymous.gifter.userID == nil)
        #expect(anonymous.gifter.username == nil)
        #expect(anonymous.gifter.isVerified == nil)
        #expect(anonymous.gifter.profilePicture == nil)
        #expect(anonymous.gifter.channelSlug == nil)
        #expect(anonymous.giftees.count == 1)
    }

    @Test func follow() throws {
        let follow = try decode(Fixture.event("channel.followed"), as: ChannelFollowed.self)
        #expect(follow.follower.channelSlug == "follower_channel")
    }

    @Test func redemption() throws {
        let redemption = try decode(
            Fixture.event("channel.reward.redemption.updated"), as: ChannelRewardRedemptionUpdated.self)
        #expect(redemption.status == .rejected)
        #expect(redemption.userInput == "unban me")
        #expect(redemption.reward.cost == 1000)
        #expect(redemption.redeemer.userID == 123)
        #expect(redemption.redeemer.isAnonymous == false)
        #expect(redemption.redeemer.profilePicture == nil)
        #expect(redemption.broadcaster.userID == 333)
        #expect(redemption.redeemedAt == Timestamp(seconds: 1_764_716_059, nanoseconds: 323_000_000))
        let pending = try decode(
            Fixture.event("channel.reward.redemption.updated.pending"), as: ChannelRewardRedemptionUpdated.self)
        #expect(pending.status == .pending)
    }

    @Test func livestream() throws {
        let started = try decode(Fixture.event("livestream.status.updated"), as: LivestreamStatusUpdated.self)
        #expect(started.isLive)
        #expect(started.endedAt == nil)
        #expect(started.startedAt == Timestamp(parsing: "2025-01-01T00:00:00Z"))
        let ended = try decode(Fixture.event("livestream.status.updated.ended"), as: LivestreamStatusUpdated.self)
        #expect(!ended.isLive)
        #expect(ended.endedAt == Timestamp(parsing: "2025-01-01T04:00:00Z"))
        let metadata = try decode(Fixture.event("livestream.metadata.updated"), as: LivestreamMetadataUpdated.self)
        #expect(metadata.metadata.category?.id == 123)
        #expect(metadata.metadata.category?.name == "Category name")
        #expect(metadata.metadata.hasMatureContent)
        #expect(metadata.metadata.language == "en")
    }

    @Test func banned() throws {
        let timeout = try decode(Fixture.event("moderation.banned"), as: ModerationBanned.self)
        #expect(timeout.bannedUser.userID == 135_790_135)
        #expect(timeout.moderator.username == "moderator_name")
        #expect(timeout.metadata.reason == "banned reason")
        #expect(timeout.metadata.expiresAt == Timestamp(parsing: "2025-01-14T16:10:06Z"))
        let permanent = try decode(Fixture.event("moderation.banned.permanent"), as: ModerationBanned.self)
        #expect(permanent.metadata.expiresAt == nil)
    }

    @Test func kicks() throws {
        let gift = try decode(Fixture.event("kicks.gifted"), as: KicksGifted.self)
        #expect(gift.gift.amount == 500)
        #expect(gift.gift.type == "LEVEL_UP")
        #expect(gift.gift.tier == "MID")
        #expect(gift.gift.pinnedTimeSeconds == 600)
        #expect(gift.sender.isAnonymous == false)
        #expect(gift.createdAt == Timestamp(parsing: "2025-10-20T04:00:08.634Z"))
    }

    // MARK: Leniency (FACTS §4.6, §10)

    @Test("The genuine delivery: is_verified null, identity absent")
    func genuine() throws {
        let event = try decode(Fixture.genuine().body, as: LivestreamStatusUpdated.self)
        #expect(event.broadcaster.userID == 4_809_577)
        #expect(event.broadcaster.isVerified == nil)
        #expect(event.broadcaster.identity == nil)
        #expect(event.title == "Multiplatform bot!")
    }

    @Test(
        "Chat messages: odd emotes",
        arguments: [
            ("null", [] as [String]), ("[]", []), (#"[{"emote_id":37226,"positions":[{"s":0,"e":1}]}]"#, ["37226"]),
            (#"[{"emote_id":"37226","positions":null}]"#, ["37226"]), (#"[{"emote_id":"a"}]"#, ["a"]),
        ])
    func emotes(json: String, ids: [String]) throws {
        let body = try Fixture.event(
            "chat.message.sent.no_emotes", replacing: "\"emotes\": null", with: "\"emotes\": \(json)")
        #expect(try decode(body, as: ChatMessageSent.self).emotes.map(\.emoteID) == ids)
    }

    @Test(
        "Chat messages: fields that are null, absent, or new",
        arguments: [
            (#""emotes": null,"#, ""),
            (#""emotes": null,"#, #""emotes": null, "replies_to": null,"#),
            (#""emotes": null,"#, #""emotes": null, "pinned": {"by": [1, 2]},"#),
            (#""is_anonymous": false,"#, ""),
            (#""is_anonymous": false,"#, #""is_anonymous": null,"#),
            (#""badges": []"#, #""badges": null"#),
            (#""badges": []"#, #""badges": [{"text": "New", "type": "never_seen", "level": 9}]"#),
            (#""identity": null"#, #""colour": "blue""#),
            (#""2025-01-14T16:08:06Z""#, #""2025-08-20T07:07:44.479216297Z""#),
            (#""2025-01-14T16:08:06Z""#, "null"),
            (#""2025-01-14T16:08:06Z""#, #""0001-01-01T00:00:00Z""#),
            (#""2025-01-14T16:08:06Z""#, #""""#),
        ])
    func chatLeniency(old: String, new: String) throws {
        let body = try Fixture.event("chat.message.sent.no_emotes", replacing: old, with: new)
        let message = try decode(body, as: ChatMessageSent.self)
        #expect(message.content == "Hello everyone")
        #expect(!message.sender.isAnonymous)
        #expect(message.repliesTo == nil)
        if new == "null" || new.contains("0001") || new == "\"\"" { #expect(message.createdAt == nil) }
        if new.contains("479216297") { #expect(message.createdAt?.nanoseconds == 479_216_297) }
        if new.contains("never_seen") { #expect(message.sender.identity?.badges.first?.type == "never_seen") }
    }

    @Test("Metadata: the category under a capital letter, null, zero or absent")
    func category() throws {
        let name = "livestream.metadata.updated"
        let capital = try Fixture.event(name, replacing: "\"category\"", with: "\"Category\"")
        #expect(try decode(capital, as: LivestreamMetadataUpdated.self).metadata.category?.id == 123)
        let zero = try Fixture.event(name, replacing: "\"id\": 123", with: "\"id\": 0")
        #expect(try decode(zero, as: LivestreamMetadataUpdated.self).metadata.category == nil)
        let absent = try Fixture.event(name, replacing: "\"category\"", with: "\"kategorie\"")
        #expect(try decode(absent, as: LivestreamMetadataUpdated.self).metadata.category == nil)
        let null = #"{"broadcaster":{"user_id":1},"metadata":{"title":"t","Category":null,"category":null}}"#
        let metadata = try decode(Array(null.utf8), as: LivestreamMetadataUpdated.self).metadata
        #expect(metadata.category == nil)
        #expect(!metadata.hasMatureContent)
    }

    @Test("Open enums keep what they do not know; what came later may be absent")
    func openEnums() throws {
        let status = try Fixture.event(
            "channel.reward.redemption.updated", replacing: "\"rejected\"", with: "\"refunded\"")
        #expect(try decode(status, as: ChannelRewardRedemptionUpdated.self).status.rawValue == "refunded")
        let tier = try Fixture.event("kicks.gifted", replacing: "\"MID\"", with: "\"ULTRA\"")
        #expect(try decode(tier, as: KicksGifted.self).gift.tier == "ULTRA")
        let pinned = try Fixture.event(
            "kicks.gifted", replacing: "\"w\",\n    \"pinned_time_seconds\": 600", with: "\"\"")
        let gift = try decode(pinned, as: KicksGifted.self).gift
        #expect(gift.pinnedTimeSeconds == nil)
        #expect(gift.message == nil)
    }

    @Test("The thirteen scopes")
    func scopes() {
        #expect(KickScope.all.count == 13)
        #expect(Set(KickScope.all).count == 13)
        let parsed = KickScope.parse("user:read  chat:write user:read new:scope ")
        #expect(parsed == [.userRead, .chatWrite, KickScope(rawValue: "new:scope")])
        #expect(parsed.map(\.isKnown) == [true, true, false])
        #expect(parsed.joined == "user:read chat:write new:scope")
    }
}
