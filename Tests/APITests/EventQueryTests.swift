import Gateway
import HTTP
import HTTPServer
import Model
import Testing

@testable import API

@Suite("Event queries")
struct EventQueryTests {
    private static func stream(_ query: String, lastEventID: String? = nil) throws -> StreamRequest {
        let items = try #require(QueryItems(parsing: query))
        return try Events.streamRequest(
            items, lastEventID: lastEventID, tenant: TenantID(unchecked: "ten_1"), key: KeyID(unchecked: "key_1"))
    }

    @Test("filters are lists: repeated, with commas, or both")
    func lists() throws {
        let request = try Self.stream("types=a.b,c.*&types=d&broadcasters=1,2&broadcasters=3")
        #expect(request.filter.types == EventTypes(names: ["a.b", "d"], prefixes: ["c."]))
        #expect(request.filter.broadcasters == [1, 2, 3])
        #expect(try Self.stream("").filter == .everything)
        #expect(try Self.stream("types=%2A").filter == .everything)
        let items = try #require(QueryItems(parsing: "types=a.b,c.*&types=d&broadcasters=1,2&broadcasters=3"))
        #expect(try Events.pageRequest(items).filter == request.filter)
    }

    @Test("the header of a browser that comes back wins over the address that it began with")
    func cursors() throws {
        #expect(try Self.stream("after=7.1").cursor == EventCursor(epoch: 7, sequence: 1))
        #expect(try Self.stream("after=7.1", lastEventID: "7.5").cursor == EventCursor(epoch: 7, sequence: 5))
        #expect(try Self.stream("after=7.1", lastEventID: "").cursor == EventCursor(epoch: 7, sequence: 1))
        #expect(try Self.stream("", lastEventID: "7.5.end").cursor == EventCursor(epoch: 7, sequence: 5))
        #expect(try Self.stream("").cursor == nil)
    }

    @Test("a browser that comes back after its limit is told to stop; whoever only uses the id goes on")
    func over() {
        #expect(Events.isOver("7.5.end", ["limit": "5"]))
        #expect(!Events.isOver("7.5", ["limit": "5"]))
        #expect(!Events.isOver("7.5.end", [:]))
        #expect(!Events.isOver(nil, ["limit": "5"]))
        #expect(Events.over.status == .noContent)
    }

    @Test("limit and max_age")
    func numbers() throws {
        #expect(try Self.stream("limit=1&max_age=0").limit == 1)
        #expect(try Self.stream("limit=1&max_age=0").maximumAge == .zero)
        #expect(try Self.stream("max_age=3600").maximumAge == .seconds(3600))
        #expect(try Self.stream("").limit == nil)
    }

    @Test(
        "P17 what cannot be meant is refused, naming the field",
        arguments: [
            ("types=", "types"), ("types=a,,b", "types"), ("types=*.a", "types"), ("types=a*", "types"),
            ("types=a&types=", "types"), ("broadcasters=x", "broadcasters"), ("broadcasters=", "broadcasters"),
            ("broadcasters=1,-2", "broadcasters"), ("limit=0", "limit"), ("limit=-1", "limit"), ("limit=+1", "limit"),
            ("limit=", "limit"), ("limit=1000000001", "limit"), ("max_age=-1", "max_age"), ("max_age=1h", "max_age"),
            ("max_age=31536001", "max_age"), ("max_age=99999999999999999999", "max_age"), ("after=7", "after"),
            ("after=7.1.end", "after"), ("after=-7.1", "after"),
        ])
    func refusals(query: String, field: String) {
        let error = #expect(throws: GatewayError.self) { try Self.stream(query) }
        #expect(error?.code == .invalid && error?.field == field)
    }

    @Test(
        "P17 the same for pages",
        arguments: [
            ("types=", "types"), ("broadcasters=x", "broadcasters"), ("limit=501", "limit"), ("limit=x", "limit"),
            ("since=yesterday", "since"), ("until=1", "until"), ("include=all", "include"), ("after=x", "after"),
        ])
    func pageRefusals(query: String, field: String) throws {
        let items = try #require(QueryItems(parsing: query))
        let error = #expect(throws: GatewayError.self) { try Events.pageRequest(items) }
        #expect(error?.code == .invalid && error?.field == field)
    }
}
