import Net
import ProcessKit

/// What the connections of one loop have counted. Loop-bound.
final class Tally: @unchecked Sendable {
    let loop: Loop
    var operations = 0
    var latencies = Histogram()
    var connected = 0
    /// The first thing that went wrong.
    var failure: String?
    /// Connections end after the operation that they are at.
    var isStopping = false

    init(loop: Loop) {
        self.loop = loop
    }

    func fail(_ text: String) {
        if failure == nil { failure = text }
    }
}

/// The tallies of all loops, read and written from elsewhere.
struct Tallies: Sendable {
    struct Reading: Sendable {
        var operations = 0
        var latencies = Histogram()
        var connected = 0
        var failure: String?
    }

    let all: [Tally]

    init(_ loops: LoopGroup) {
        all = loops.loops.map(Tally.init)
    }

    func read() async -> Reading {
        var sum = Reading()
        for tally in all {
            let one = await tally.loop.run {
                Reading(
                    operations: tally.operations, latencies: tally.latencies, connected: tally.connected,
                    failure: tally.failure)
            }
            sum.operations += one.operations
            sum.latencies.add(one.latencies)
            sum.connected += one.connected
            sum.failure = sum.failure ?? one.failure
        }
        return sum
    }

    /// Counts from nothing again.
    func reset() async {
        for tally in all {
            await tally.loop.run {
                tally.operations = 0
                tally.latencies = Histogram()
            }
        }
    }

    func stop() async {
        for tally in all { await tally.loop.run { tally.isStopping = true } }
    }
}
