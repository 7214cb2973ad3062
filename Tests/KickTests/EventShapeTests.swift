import Foundation
import Testing

@testable import Kick

@Suite("The shape of bodies")
struct EventShapeTests {
    private static func contradicts(_ type: EventType, _ body: [UInt8]) -> Bool {
        let facts = BroadcasterScanner.facts(in: body, members: EventShape.members)
        return EventShape.contradicts(type, hasMember: facts?.members.map { $0 != nil } ?? [])
    }

    @Test("every example fits its type, and no other that does not look the same")
    func examples() throws {
        let folder = Fixture.folder.appending(path: "events")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
        let types = EventCatalog.entries.map(\.type)
        var checked: Set<EventType> = []
        for file in files {
            // The claim of a Drops reward is no event type.
            guard let own = types.first(where: { file.hasPrefix($0.rawValue) }) else { continue }
            checked.insert(own)
            let body = Array(try Data(contentsOf: folder.appending(path: file)))
            for other in types {
                let areAlike: Set<EventType> = [.channelSubscriptionNew, .channelSubscriptionRenewal]
                let fits = other == own || areAlike.isSuperset(of: [own, other])
                #expect(Self.contradicts(other, body) == !fits, "\(file) as \(other)")
            }
            #expect(!Self.contradicts(EventType(rawValue: "channel.raided"), body), "P13")
        }
        #expect(checked == Set(types))
    }

    @Test("P13 a body that has no known mark is taken as it comes, for every type")
    func unknown() {
        for type in EventCatalog.entries.map(\.type) {
            #expect(!Self.contradicts(type, Array(#"{"broadcaster":{"user_id":1},"news":true}"#.utf8)))
            #expect(!Self.contradicts(type, Array("no JSON".utf8)))
        }
    }
}
