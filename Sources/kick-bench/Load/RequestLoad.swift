import Net
import ProcessKit

/// Requests on keep-alive connections, each sending the next when it has its answer.
final class RequestLoad: Sendable {
    private let tallies: Tallies
    private let tasks: [Task<Void, Never>]
    private let count: Int

    /// - Parameters:
    ///   - request: the next one.
    ///   - deadline: by when the whole load must be over.
    init(
        connections count: Int, to address: SocketAddress, loops: LoopGroup, deadline: Deadline,
        request: @escaping @Sendable () -> [UInt8]
    ) {
        let tallies = Tallies(loops)
        self.tallies = tallies
        self.count = count
        tasks = (0..<count).map { number in
            let tally = tallies.all[number % tallies.all.count]
            return tally.loop.spawn { await Self.drive(request, to: address, tally, deadline) }
        }
    }

    /// Lets it run for `warmUp` seconds, then measures for `seconds`.
    func measure(warmUp: Double, seconds: Double, on stage: Stage) async throws -> (Usage, Tallies.Reading) {
        try await sleep(for: .seconds(warmUp))
        await tallies.reset()
        let before = stage.sample()
        try await sleep(for: .seconds(seconds))
        let reading = await tallies.read()
        let usage = stage.sample().since(before)
        await tallies.stop()
        for task in tasks { await task.value }
        if let failure = reading.failure { throw ProcessError(failure) }
        guard reading.connected == count else { throw ProcessError("only \(reading.connected) of \(count) connected") }
        return (usage, reading)
    }

    private static func drive(
        _ request: @Sendable () -> [UInt8], to address: SocketAddress, _ tally: Tally, _ deadline: Deadline
    ) async {
        do {
            let stream = try await ByteStream.connect(to: address, deadline: deadline)
            defer { stream.close() }
            tally.connected += 1
            var answers = AnswerReader()
            while !tally.isStopping {
                let request = request()
                let start = Deadline.now()
                try await stream.write(request, deadline: deadline)
                let status = try await answers.next(from: stream, deadline: deadline)
                guard status == 200 else { throw ProcessError("an answer with status \(status)") }
                tally.operations += 1
                tally.latencies.add(nanoseconds: Deadline.now().nanoseconds - start.nanoseconds)
            }
        } catch {
            tally.fail("\(error)")
        }
    }
}
