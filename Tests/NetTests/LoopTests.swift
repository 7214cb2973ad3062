import Net
import TestKit
import Testing

@Suite("Loop", .timeLimit(.minutes(1)))
struct LoopTests {
    @Test("a spawned task stays on its loop across suspensions")
    func staysOnLoop() async throws {
        let group = try LoopGroup(count: 2)
        let other = group.loops[1]
        let stayed = Box(true)
        await group.loops[0].spawn {
            for _ in 0..<100 {
                await other.spawn {}.value
                if Loop.current !== group.loops[0] { stayed.update { $0 = false } }
            }
        }.value
        #expect(stayed.value)
        group.shutdown()
    }

    @Test("bodies from many threads all run, on the loop")
    func executeFromOutside() async throws {
        let group = try LoopGroup(count: 1)
        let loop = group.loops[0]
        let count = Box(0)
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<4 {
                tasks.addTask {
                    for _ in 0..<1000 { loop.execute { if loop.isCurrent { count.update { $0 += 1 } } } }
                }
            }
        }
        await loop.spawn {}.value
        #expect(count.value == 4000)
        group.shutdown()
    }

    @Test("timers fire in the order of their deadlines, cancelled ones never")
    func timers() async throws {
        let group = try LoopGroup(count: 1)
        let order = Box<[Int]>([])
        await group.loops[0].spawn {
            let loop = Loop.current!
            let start = Deadline.now()
            for number in [5, 3, 1, 4, 2] {
                loop.schedule(at: start + .milliseconds(number * 3)) { order.update { $0.append(number) } }
            }
            loop.schedule(at: start + .milliseconds(7)) { order.update { $0.append(99) } }.cancel()
            try? await Net.sleep(for: .milliseconds(30))
        }.value
        #expect(order.value == [1, 2, 3, 4, 5])
        group.shutdown()
    }

    @Test("thousands of timers that are cancelled do not pile up and do not disturb the order")
    func cancelledTimers() async throws {
        let group = try LoopGroup(count: 1)
        let fired = Box<[Int]>([])
        await group.loops[0].spawn {
            let loop = Loop.current!
            let start = Deadline.now()
            for _ in 0..<5000 { loop.schedule(at: start + .seconds(60)) {}.cancel() }
            for number in (0..<50).reversed() {
                loop.schedule(at: start + .microseconds(number * 100)) { fired.update { $0.append(number) } }
            }
            try? await Net.sleep(for: .milliseconds(20))
        }.value
        #expect(fired.value == Array(0..<50))
        group.shutdown()
    }

    @Test("sleep ends at once when its task is cancelled")
    func cancelledSleep() async throws {
        let group = try LoopGroup(count: 1)
        let wasCancelled = Box(false)
        let task = group.loops[0].spawn {
            do { try await Net.sleep(for: .seconds(3600)) } catch { wasCancelled.update { $0 = true } }
        }
        task.cancel()
        await task.value
        #expect(wasCancelled.value)
        group.shutdown()
    }

    @Test(
        "deadline arithmetic saturates instead of wrapping", arguments: [Duration.seconds(Int64.max / 2), .seconds(1)])
    func deadlineArithmetic(duration: Duration) {
        #expect(Deadline.never + duration == .never)
        #expect(Deadline.now() + duration > Deadline.now())
        #expect(Deadline(nanoseconds: 5) + .seconds(-1) == Deadline(nanoseconds: 0))
    }
}
