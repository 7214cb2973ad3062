import Model
import Testing

@Suite("EventFilter")
struct EventFilterTests {
    @Test(
        "names and patterns admit what they name",
        arguments: [
            (["channel.followed"], ["channel.followed"], ["channel.follow", "channel.followed.x", "channel"]),
            (
                ["channel.subscription.*"], ["channel.subscription.new", "channel.subscription.a.b"],
                ["channel.subscription", "channel.subscriptions.new", "channel.followed"]
            ),
            (["channel.*", "kicks.gifted"], ["channel.followed", "kicks.gifted"], ["channels.x", "kicks.given"]),
            (["gateway.*"], ["gateway.login.recovered"], ["gateways", "channel.followed"]),
        ] as [([String], [String], [String])])
    func admits(list: [String], yes: [String], no: [String]) throws {
        let filter = try EventFilter(types: list, broadcasters: nil)
        for type in yes { #expect(filter.admits(type: type, broadcaster: 1), "\(type)") }
        for type in no { #expect(!filter.admits(type: type, broadcaster: 1), "\(type)") }
    }

    @Test("a star alone is everything, whatever stands beside it")
    func everything() throws {
        #expect(try EventFilter(types: ["*"], broadcasters: nil) == .everything)
        #expect(try EventFilter(types: ["channel.followed", "*"], broadcasters: nil) == .everything)
    }

    @Test("broadcasters and types must both fit")
    func both() throws {
        let filter = try EventFilter(types: ["a.*"], broadcasters: ["1", "2"])
        #expect(filter.admits(type: "a.b", broadcaster: 2))
        #expect(!filter.admits(type: "a.b", broadcaster: 3))
        #expect(!filter.admits(type: "b.a", broadcaster: 2))
    }

    @Test(
        "P17 what is no type or pattern is refused, naming the field",
        arguments: [
            [], [""], ["channel."], [".followed"], ["channel..followed"], ["*.followed"], ["channel.*.new"],
            ["channel.sub*"], ["**"], ["channel.**"], ["a b"], ["a\nb"], ["a\0"], ["ä"], ["channel.followed", ""],
            [String(repeating: "x", count: 101)], Array(repeating: "a", count: 101),
        ] as [[String]])
    func badTypes(list: [String]) {
        let error = #expect(throws: GatewayError.self) { try EventFilter(types: list, broadcasters: nil) }
        #expect(error?.code == .invalid && error?.field == "types")
    }

    @Test(
        "P17 what is no user id is refused, naming the field",
        arguments: [
            [], [""], ["0"], ["-1"], ["+1"], ["1.5"], ["nova"], ["9223372036854775808"], ["1", ""], ["٣"],
            (1...101).map(String.init),
        ] as [[String]])
    func badBroadcasters(list: [String]) {
        let error = #expect(throws: GatewayError.self) { try EventFilter(types: nil, broadcasters: list) }
        #expect(error?.code == .invalid && error?.field == "broadcasters")
    }
}
