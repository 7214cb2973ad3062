import Net
import TestKit
import Testing

@Suite("Promise", .timeLimit(.minutes(1)))
struct PromiseTests {
    private static func onLoop(_ body: @escaping @Sendable (Loop) async throws -> Void) async throws {
        let loops = try LoopGroup(count: 1)
        defer { loops.shutdown() }
        let loop = loops.loops[0]
        try await TestKit.onLoop(loop) { try await body(loop) }
    }

    @Test("everybody who waits gets the value, and whoever comes later too")
    func fulfilled() async throws {
        try await Self.onLoop { loop in
            let promise = Promise<Int>()
            let got = Box<[Int?]>([])
            let waiters = (0..<10).map { _ in
                loop.spawn {
                    let value = await promise.value(until: .after(.seconds(30)))
                    got.update { $0.append(value) }
                }
            }
            promise.fulfil(7)
            promise.fulfil(8)
            for waiter in waiters { await waiter.value }
            #expect(got.value == Array(repeating: 7, count: 10))
            #expect(await promise.value(until: .after(.zero)) == 7)
        }
    }

    @Test("P16 the wait ends at its deadline, and the value can still come")
    func deadline() async throws {
        try await Self.onLoop { _ in
            let promise = Promise<Int>()
            #expect(await promise.value(until: .after(.milliseconds(10))) == nil)
            promise.fulfil(1)
            #expect(await promise.value(until: .after(.seconds(30))) == 1)
        }
    }

    @Test("a cancelled wait ends at once and disturbs nobody else", arguments: [false, true])
    func cancelled(beforeItBegins: Bool) async throws {
        try await Self.onLoop { loop in
            let promise = Promise<Int>()
            let begun = Box(false)
            let got = Box<Int?>(0)
            let task = loop.spawn {
                if beforeItBegins { while !Task.isCancelled { await Task.yield() } }
                begun.update { $0 = true }
                let value = await promise.value(until: .never)
                got.update { $0 = value }
            }
            if !beforeItBegins { await until { begun.value } }
            task.cancel()
            await task.value
            #expect(got.value == nil)
            promise.fulfil(1)
            #expect(await promise.value(until: .never) == 1)
        }
    }
}
