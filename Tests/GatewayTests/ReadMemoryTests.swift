import Kick
import Model
import Net
import Testing

@testable import Gateway

@Suite("The memory of reads")
struct ReadMemoryTests {
    private static let start = Deadline(nanoseconds: 1_000_000_000_000)
    private static let lifetime = CacheLifetime(fresh: .seconds(10), stale: .seconds(100))

    private static func key(_ parameters: String, app: String = "app_1") -> ReadKey {
        ReadKey(subject: .app(AppID(unchecked: app)), operation: .channels, parameters: parameters)
    }

    private static func memory(_ configure: (inout ReadMemory.Limits) -> Void = { _ in }) -> ReadMemory {
        var limits = ReadMemory.Limits()
        configure(&limits)
        return ReadMemory(limits: limits)
    }

    private static func text(_ answer: ReadAnswer?) -> String? {
        answer?.representation.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    private func store(
        _ text: String, _ tags: [CacheTag] = [], in memory: inout ReadMemory, as key: String, asked: UInt64? = nil,
        at now: Deadline = start
    ) -> ReadAnswer {
        memory.store(
            Representation(Array(text.utf8)), tags, for: Self.key(key), Self.lifetime, asked: asked ?? memory.moment,
            at: now)
    }

    @Test("gives an answer while it is fresh, and an old one only when there is trouble, for its time")
    func freshness() {
        var memory = Self.memory()
        _ = store("a", in: &memory, as: "x")
        #expect(Self.text(memory.fresh(Self.key("x"), at: Self.start + .seconds(9))) == "a")
        #expect(memory.fresh(Self.key("x"), at: Self.start + .seconds(10)) == nil)
        #expect(memory.fresh(Self.key("y"), at: Self.start) == nil)
        let old = memory.old(Self.key("x"), because: "trouble", at: Self.start + .seconds(40))
        #expect(Self.text(old) == "a" && old?.trouble == "trouble")
        #expect(old?.age == .seconds(40) && (old?.freshness ?? .zero) < .zero)
        // It is not asked for again at once, and still says what it is.
        let again = memory.fresh(Self.key("x"), at: Self.start + .seconds(41))
        #expect(again?.trouble == "trouble")
        #expect(memory.fresh(Self.key("x"), at: Self.start + .seconds(42)) == nil)
        let tooOld = memory.old(Self.key("x"), because: "trouble", at: Self.start + .seconds(110))
        #expect(tooOld == nil)
    }

    @Test("that Kick does not know something is remembered, and not given when it is old")
    func absence() {
        var memory = Self.memory()
        _ = memory.store(nil, [], for: Self.key("x"), Self.lifetime, asked: memory.moment, at: Self.start)
        #expect(memory.fresh(Self.key("x"), at: Self.start)?.isKept == true)
        let old = memory.old(Self.key("x"), because: "trouble", at: Self.start + .seconds(40))
        #expect(old == nil && !memory.isUsable(Self.key("x"), at: Self.start + .seconds(40)))
    }

    @Test("what a write changes is forgotten, whatever it was asked by, and nothing else")
    func change() {
        var memory = Self.memory()
        _ = store("one", [.channel(1)], in: &memory, as: "slug")
        _ = store("both", [.channel(1), .channel(2)], in: &memory, as: "list")
        _ = store("two", [.channel(2)], in: &memory, as: "other")
        memory.change([.channel(1)], at: Self.start)
        #expect(memory.fresh(Self.key("slug"), at: Self.start) == nil)
        #expect(memory.fresh(Self.key("list"), at: Self.start) == nil)
        let old = memory.old(Self.key("slug"), because: "t", at: Self.start)
        #expect(old == nil)
        #expect(Self.text(memory.fresh(Self.key("other"), at: Self.start)) == "two")
    }

    @Test("what was asked before a write and answered after it is not remembered")
    func race() {
        var memory = Self.memory()
        let asked = memory.moment
        memory.change([.channel(1)], at: Self.start)
        let answer = store("before", [.channel(1)], in: &memory, as: "x", asked: asked)
        #expect(!answer.isKept && memory.fresh(Self.key("x"), at: Self.start) == nil)
        #expect(memory.hasChanged([.channel(1)], since: asked) && !memory.hasChanged([.channel(2)], since: asked))
        let other = store("of another", [.channel(2)], in: &memory, as: "y", asked: asked)
        #expect(other.isKept)
    }

    @Test("after a write Kick itself may be behind: what is read then is remembered shortly")
    func settling() {
        var memory = Self.memory()
        memory.change([.channel(1)], at: Self.start)
        _ = store("perhaps old", [.channel(1)], in: &memory, as: "x", at: Self.start + .seconds(1))
        #expect(memory.fresh(Self.key("x"), at: Self.start + .milliseconds(1900)) != nil)
        #expect(memory.fresh(Self.key("x"), at: Self.start + .seconds(2)) == nil)
        _ = store("new", [.channel(1)], in: &memory, as: "x", at: Self.start + .seconds(11))
        #expect(memory.fresh(Self.key("x"), at: Self.start + .seconds(20)) != nil)
    }

    @Test("keeps within its bounds, and what is asked for longer")
    func bounds() {
        var memory = Self.memory { ($0.count, $0.bytes) = (100, 10_000_000) }
        for number in 0..<1000 {
            _ = store("v", [.channel(Int64(number))], in: &memory, as: "\(number)")
            _ = memory.fresh(Self.key("0"), at: Self.start)
            #expect(memory.count <= 100)
        }
        #expect(memory.fresh(Self.key("0"), at: Self.start) != nil)
        #expect(memory.fresh(Self.key("500"), at: Self.start) == nil)
        var small = Self.memory { $0.bytes = 10_000 }
        for number in 0..<100 { _ = store(String(repeating: "x", count: 1000), in: &small, as: "\(number)") }
        #expect(small.bytes <= 10_000 && small.count > 0)
    }

    @Test("changes that are forgotten count as later than anything")
    func forgottenChanges() {
        var memory = Self.memory { $0.rememberedChanges = 10 }
        let asked = memory.moment
        for number in 0..<50 { memory.change([.channel(Int64(number))], at: Self.start) }
        #expect(memory.hasChanged([.channel(0)], since: asked))
    }

    @Test("two questions never share an answer")
    func spelling() {
        let lists: [[[String]]] = [
            [["a", "b"], []], [["a"], ["b"]], [["a,b"], []], [["a", "b", ""], []], [[], ["a", "b"]], [["1:a"], []],
            [["a"], []], [["a]1[1:b"], []],
        ]
        #expect(Set(lists.map { String.spelling(of: $0) }).count == lists.count)
    }
}
