import Net
import ProcessKit

/// Sends webhooks at a rate, whatever becomes of those before, each again and again, to any replica, until it is
/// acknowledged: as Kick would, but without giving up. Loop-bound.
final class WebhookSender: @unchecked Sendable {
    struct Settings: Sendable {
        var spreading: Spreading
        /// Kick's number of each tenant's broadcaster.
        var broadcasters: [Int64]
        /// How many there may be in all.
        var capacity: Int
        /// The longest pause before a webhook is sent again.
        var longestPause = Duration.seconds(2)
        /// How long an answer may take. Longer than the gateway's own deadline.
        var patience = Duration.seconds(35)
        /// One in so many is sent to two replicas at the same time; 0: none.
        var twinEvery = 0
        /// Attempts at one time; descriptors are what they cost.
        var attemptsAtOnce = 4000
    }

    struct Counts: Sendable {
        /// Different webhooks that were begun, and that were answered 200.
        var begun = 0
        var acknowledged = 0
        /// Second deliveries on purpose.
        var twins = 0
        var attempts = 0
        var answers: [Int: Int] = [:]
        /// Connections that broke before the answer, and that were not to be had.
        var lost = 0
        var notConnected = 0
        /// Why they were not to be had.
        var connectErrors: [String: Int] = [:]
        /// Answers that did not come in time.
        var timeouts = 0
        /// The slowest answer, in nanoseconds.
        var slowest: UInt64 = 0
        /// Moments at which a webhook was due and had to wait because too many attempts were under way.
        var heldBack = 0

        var unavailable: Int { answers[503] ?? 0 }
        /// Answers but 200 and 503, by status.
        var strange: [Int: Int] { answers.filter { $0.key != 200 && $0.key != 503 } }
    }

    private enum Reply { case status(Int), lost, notConnected, timedOut }

    let loop: Loop
    let times: SendTimes
    private let settings: Settings
    private let board: ReplicaBoard
    private let maker: WebhookMaker
    private(set) var counts = Counts()
    /// Which webhooks were acknowledged.
    private(set) var acknowledged: [Bool]
    /// New acknowledgements and refusals in each slot of ``slot`` since ``timelineBegin``.
    private(set) var timeline: [(acknowledged: Int, unavailable: Int)] = []
    private(set) var timelineBegin = Deadline.now()
    static let slot = Duration.milliseconds(100)
    private var idle: [ReplicaBoard.Place: [PostLine]] = [:]
    /// Attempts that wait for their answer.
    private(set) var underWay = 0

    init(loop: Loop, settings: Settings, board: ReplicaBoard, maker: WebhookMaker) {
        self.loop = loop
        self.settings = settings
        self.board = board
        self.maker = maker
        times = SendTimes(capacity: settings.capacity)
        acknowledged = [Bool](repeating: false, count: settings.capacity)
    }

    // MARK: Sending

    /// Begins so many webhooks a second until the deadline.
    func run(perSecond rate: Double, until deadline: Deadline) async {
        await loop.perform { [self] in await beginAll(perSecond: rate, until: deadline) }
    }

    private func beginAll(perSecond rate: Double, until deadline: Deadline) async {
        timelineBegin = .now()
        var launched = 0
        while !deadline.hasPassed, !Task.isCancelled {
            let due = Int((Deadline.now() - timelineBegin) / .seconds(1) * rate)
            while launched < due, counts.begun < settings.capacity {
                guard underWay < settings.attemptsAtOnce else {
                    counts.heldBack += 1
                    break
                }
                launched += 1
                begin()
            }
            try? await sleep(for: .milliseconds(5))
        }
    }

    /// Lets a replica have one webhook by itself, which makes it fetch Kick's key; only then is it on the board.
    func introduce(_ place: ReplicaBoard.Place) async throws {
        try await loop.perform { [self] in try await sendFirst(to: place) }
    }

    private func sendFirst(to place: ReplicaBoard.Place) async throws {
        let index = next()
        let request = maker.request(webhook(index))
        let deadline = Deadline.after(.seconds(90))
        while case let reply = await attempt(index, request, at: place), !isDone(index, reply) {
            guard !deadline.hasPassed else { throw ProcessError("a new replica takes no webhook: \(reply)") }
            try await sleep(for: .milliseconds(100))
        }
        board.add(place)
    }

    /// Waits until everything that was begun is acknowledged; false at the deadline.
    func settle(deadline: Deadline) async -> Bool {
        while !(await loop.run { [self] in counts.acknowledged == counts.begun }) {
            if deadline.hasPassed { return false }
            try? await sleep(for: .milliseconds(20))
        }
        return true
    }

    func webhook(_ index: Int) -> Webhook {
        Webhook(index: index, broadcaster: settings.broadcasters[settings.spreading.tenant(of: index)])
    }

    private func next() -> Int {
        counts.begun += 1
        return counts.begun - 1
    }

    private func begin() {
        let index = next()
        let request = maker.request(webhook(index))
        loop.spawn { [self] in await deliver(index, request) }
        guard settings.twinEvery > 0, index.isMultiple(of: settings.twinEvery) else { return }
        counts.twins += 1
        loop.spawn { [self] in await deliver(index, request) }
    }

    private func deliver(_ index: Int, _ request: [UInt8]) async {
        var last: Int32?
        var pause = Duration.milliseconds(200)
        while true {
            if underWay < settings.attemptsAtOnce, let place = board.any(but: last) {
                last = place.pid
                if isDone(index, await attempt(index, request, at: place)) { return }
            }
            try? await sleep(for: pause * Double.random(in: 0.5...1))
            pause = min(pause * 2, settings.longestPause)
        }
    }

    /// Counts a reply; whether the webhook is acknowledged by it.
    private func isDone(_ index: Int, _ reply: Reply) -> Bool {
        switch reply {
        case .status(let status):
            counts.answers[status, default: 0] += 1
            if status == 503 { note { $0.unavailable += 1 } }
            guard status == 200 else { return false }
            if !acknowledged[index] {
                acknowledged[index] = true
                counts.acknowledged += 1
                note { $0.acknowledged += 1 }
            }
            return true
        case .lost: counts.lost += 1
        case .notConnected: counts.notConnected += 1
        case .timedOut: counts.timeouts += 1
        }
        return false
    }

    private func note(_ change: (inout (acknowledged: Int, unavailable: Int)) -> Void) {
        let index = Int((Deadline.now() - timelineBegin) / Self.slot)
        while timeline.count <= index { timeline.append((0, 0)) }
        change(&timeline[index])
    }

    // MARK: One attempt

    private func attempt(_ index: Int, _ request: [UInt8], at place: ReplicaBoard.Place) async -> Reply {
        counts.attempts += 1
        underWay += 1
        defer { underWay -= 1 }
        let deadline = Deadline.after(settings.patience)
        let line: PostLine
        do {
            if let known = idleLine(to: place) {
                line = known
            } else {
                line = try await PostLine.connect(to: place.address, deadline: .after(.seconds(5)))
            }
        } catch {
            counts.connectErrors["\(error)", default: 0] += 1
            return .notConnected
        }
        let start = Deadline.now()
        times.set(index, start.nanoseconds)
        do {
            let status = try await line.post(request, deadline: deadline)
            counts.slowest = max(counts.slowest, Deadline.now().nanoseconds - start.nanoseconds)
            // A refusal may close the connection behind it.
            if status == 200, idle[place, default: []].count < 256 {
                idle[place, default: []].append(line)
            } else {
                line.close()
            }
            return .status(status)
        } catch {
            line.close()
            return (error as? NetError)?.kind == .timedOut ? .timedOut : .lost
        }
    }

    private func idleLine(to place: ReplicaBoard.Place) -> PostLine? {
        while let line = idle[place]?.popLast() {
            // The gateway closes what is idle for longer than a minute.
            if line.lastUse + .seconds(30) > .now() { return line }
            line.close()
        }
        return nil
    }

    /// Closes what is idle.
    func close() async {
        await loop.run { [self] in
            for line in idle.values.joined() { line.close() }
            idle = [:]
        }
    }
}
