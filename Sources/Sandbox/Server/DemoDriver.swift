import Net
import Synchronization
import Telemetry

/// Lets the demo's events happen at a rate, irregularly as an audience is.
final class DemoDriver: Sendable {
    private struct State {
        var rate = 0.0
        var task: Task<Void, Never>?
    }

    private let core: SandboxCore
    private let loop: Loop
    private let state = Mutex(State())

    init(core: SandboxCore, loop: Loop) {
        self.core = core
        self.loop = loop
    }

    var json: JSON {
        let rate = state.withLock { $0.rate }
        return ["enabled": .bool(rate > 0), "events_per_second": .number(String(rate))]
    }

    /// 0 stops it. Returns when what ran before has ended.
    func setRate(_ rate: Double) async {
        let old = state.withLock { state in
            let old = state.task
            state.rate = rate
            state.task = rate > 0 ? loop.spawn { await self.run(rate) } : nil
            return old
        }
        old?.cancel()
        await old?.value
    }

    private func run(_ rate: Double) async {
        let log = Log("sandbox.demo")
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            let pause = Duration.nanoseconds(Int64(1e9 / rate * Double.random(in: 0.5...1.5, using: &random)))
            guard (try? await sleep(for: pause)) != nil else { return }
            guard let next = core.keeper.read({ DemoTraffic.next(in: $0, using: &random) }) else { continue }
            do {
                try core.publish(next.type, broadcasterID: next.broadcasterID)
            } catch {
                log.warning("an event of the demo could not happen", ["error": .string("\(error)")])
            }
        }
    }
}
