import Foundation
import Kick
import Testing

@Suite("EventFingerprint")
struct EventFingerprintTests {
    private static func fingerprint(_ type: EventType, _ body: String, broadcaster: Int64 = 1) -> EventFingerprint {
        EventFingerprint.of(type: type, broadcasterUserID: broadcaster, body: Array(body.utf8))
    }

    @Test(
        "P9 what names a fact makes it the same, whatever else its body says",
        arguments: [
            (
                EventType.chatMessageSent, #"{"message_id":"m1","content":"a"}"#,
                #"{"content":"b", "message_id" : "m1"}"#
            ),
            (
                .channelRewardRedemptionUpdated, #"{"id":"r","status":"pending","x":1}"#,
                #"{"id":"r","status":"pending"}"#
            ),
            (
                .livestreamStatusUpdated, #"{"is_live":true,"started_at":"2025-01-01T00:00:00Z","title":"a"}"#,
                #"{"started_at":"2025-01-01T00:00:00Z","is_live":true,"title":"b"}"#
            ),
        ])
    func named(type: EventType, one: String, other: String) {
        #expect(Self.fingerprint(type, one) == Self.fingerprint(type, other))
        #expect(Self.fingerprint(type, one) != Self.fingerprint(type, one, broadcaster: 2))
        #expect(!Self.fingerprint(type, one).throughAnotherSubscription)
    }

    @Test("P9 another message, another status of a redemption, another end of a stream are other facts")
    func different() {
        #expect(
            Self.fingerprint(.chatMessageSent, #"{"message_id":"m1"}"#)
                != Self.fingerprint(.chatMessageSent, #"{"message_id":"m2"}"#))
        #expect(
            Self.fingerprint(.channelRewardRedemptionUpdated, #"{"id":"r","status":"pending"}"#)
                != Self.fingerprint(.channelRewardRedemptionUpdated, #"{"id":"r","status":"accepted"}"#))
        #expect(
            Self.fingerprint(.livestreamStatusUpdated, #"{"started_at":"x","is_live":true}"#)
                != Self.fingerprint(.livestreamStatusUpdated, #"{"started_at":"x","is_live":false}"#))
    }

    @Test("a body without a time of its own counts as a repetition for a moment only, and through another subscription")
    func untimed() {
        for type in [EventType.channelFollowed, .livestreamMetadataUpdated, EventType(rawValue: "brand.new")] {
            let fingerprint = Self.fingerprint(type, "{}")
            #expect(fingerprint.throughAnotherSubscription)
            #expect(fingerprint.window <= .seconds(60))
        }
        #expect(!Self.fingerprint(.kicksGifted, "{}").throughAnotherSubscription)
    }

    @Test("every example body has one, and those of the same type differ", arguments: EventCatalog.entries.map(\.type))
    func examples(type: EventType) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/events")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.lastPathComponent.hasPrefix(type.rawValue) }
        let bodies = try files.map { Array(try Data(contentsOf: $0)) }
        let fingerprints = bodies.map { EventFingerprint.of(type: type, broadcasterUserID: 1, body: $0).bytes }
        #expect(!fingerprints.isEmpty && fingerprints.allSatisfy { $0.count == 16 })
    }
}
