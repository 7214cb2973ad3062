import Model
import Net
import TestKit
import Testing

@testable import Gateway

/// A store that commits when it is told to, and notes what it was given.
private final class Gate: Sendable {
    let isOpen = Box(true)
    let batches = Box<[[Int]]>([])
    let wasCancelled = Box(false)

    func commit(_ items: [Int]) async throws -> [Int] {
        batches.update { $0.append(items) }
        while !isOpen.value {
            do {
                try await sleep(for: .milliseconds(1))
            } catch {
                wasCancelled.update { $0 = true }
                throw error
            }
        }
        return items.map { $0 * 10 }
    }
}

@Suite("GroupCommit", .timeLimit(.minutes(1)))
struct GroupCommitTests {
    private static func run(
        _ change: (inout CommitLimits) -> Void = { _ in },
        _ body: @escaping @Sendable (Gate, GroupCommit<Int, Int>, LoopGroup) async throws -> Void
    ) async throws {
        let loops = try LoopGroup(count: 2)
        defer { loops.shutdown() }
        let gate = Gate()
        var limits = CommitLimits()
        limits.patience = .seconds(60)
        change(&limits)
        let queue = GroupCommit<Int, Int>(limits: limits) { try await gate.commit($0) }
        try await onLoop(loops.loops[0]) { try await body(gate, queue, loops) }
    }

    /// Submits without waiting for the outcome, which is put into the box.
    private static func submit(
        _ items: Range<Int>, bytes: Int = 1, to queue: GroupCommit<Int, Int>, on loop: Loop,
        _ outcomes: Box<[Int: Result<Int, GatewayError>]>
    ) {
        for item in items {
            loop.spawn {
                let result: Result<Int, GatewayError>
                do throws(GatewayError) {
                    result = .success(try await queue.submit(item, bytes: bytes))
                } catch {
                    result = .failure(error)
                }
                outcomes.update { $0[item] = result }
            }
        }
    }

    @Test("everybody gets the outcome of the own item, from every loop")
    func outcomes() async throws {
        try await Self.run { gate, queue, loops in
            let outcomes = Box<[Int: Result<Int, GatewayError>]>([:])
            Self.submit(0..<500, to: queue, on: loops.loops[0], outcomes)
            Self.submit(500..<1000, to: queue, on: loops.loops[1], outcomes)
            await until { outcomes.value.count == 1000 }
            for (item, outcome) in outcomes.value {
                let value = try outcome.get()
                #expect(value == item * 10)
            }
            #expect(gate.batches.value.joined().sorted() == Array(0..<1000))
            #expect(gate.batches.value.count < 1000)
        }
    }

    @Test("P7, P16 while a commit hangs, those who wait are told after their time, and those who come at once")
    func hang() async throws {
        try await Self.run {
            $0.patience = .milliseconds(100)
        } _: { gate, queue, loops in
            gate.isOpen.update { $0 = false }
            let outcomes = Box<[Int: Result<Int, GatewayError>]>([:])
            Self.submit(0..<1, bytes: 100, to: queue, on: loops.loops[0], outcomes)
            await until { !gate.batches.value.isEmpty }
            Self.submit(1..<50, bytes: 100, to: queue, on: loops.loops[1], outcomes)
            await until { outcomes.value.count == 50 }
            for outcome in outcomes.value.values {
                let error = #expect(throws: GatewayError.self) { try outcome.get() }
                #expect(error?.code == .unavailable)
                #expect(error?.retryAfter != nil)
            }
            // What is being committed is all that is held.
            #expect(queue.pendingBytes == 100)
            await #expect(throws: GatewayError.self) { try await queue.submit(50, bytes: 100) }
            #expect(gate.batches.value == [[0]])
            // The commit comes to its end after all, and everything goes on.
            gate.isOpen.update { $0 = true }
            await until { queue.pendingBytes == 0 }
            let late = try await queue.submit(51, bytes: 100)
            #expect(late == 510)
        }
    }

    @Test("P16 a commit that takes too long is given up, and the next begins")
    func giveUp() async throws {
        try await Self.run {
            $0.commitTime = .milliseconds(50)
        } _: { gate, queue, _ in
            gate.isOpen.update { $0 = false }
            let error = await #expect(throws: GatewayError.self) { try await queue.submit(1, bytes: 1) }
            #expect(error?.code == .unavailable)
            #expect(gate.wasCancelled.value)
            gate.isOpen.update { $0 = true }
            let late = try await queue.submit(2, bytes: 1)
            #expect(late == 20)
        }
    }

    @Test("P16 what finds no room is refused at once; room is there again after the commit")
    func room() async throws {
        try await Self.run {
            $0.bytes = 1000
        } _: { gate, queue, loops in
            gate.isOpen.update { $0 = false }
            let outcomes = Box<[Int: Result<Int, GatewayError>]>([:])
            Self.submit(0..<30, bytes: 100, to: queue, on: loops.loops[0], outcomes)
            await until { outcomes.value.count == 20 }
            #expect(queue.pendingBytes == 1000)
            gate.isOpen.update { $0 = true }
            await until { outcomes.value.count == 30 }
            let stored = outcomes.value.filter { if case .success = $0.value { true } else { false } }
            #expect(stored.count == 10)
            let late = try await queue.submit(99, bytes: 1000)
            #expect(late == 990)
        }
    }

    @Test("who hangs up does not cut the commit of the others")
    func hangUp() async throws {
        try await Self.run { gate, queue, loops in
            gate.isOpen.update { $0 = false }
            let first = loops.loops[0].spawn { _ = try? await queue.submit(1, bytes: 1) }
            await until { !gate.batches.value.isEmpty }
            first.cancel()
            let outcomes = Box<[Int: Result<Int, GatewayError>]>([:])
            Self.submit(2..<3, to: queue, on: loops.loops[1], outcomes)
            gate.isOpen.update { $0 = true }
            await until { outcomes.value.count == 1 }
            let second = try outcomes.value[2]?.get()
            #expect(second == 20)
            #expect(!gate.wasCancelled.value)
        }
    }
}
