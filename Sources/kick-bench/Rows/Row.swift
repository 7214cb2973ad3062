import ProcessKit

/// The rows of the table, in the order in which they are measured.
enum RowName: String, CaseIterable, Sendable {
    case idleMemory = "idle-memory"
    case idleStreams = "idle-streams"
    case hello64 = "hello-64"
    case hello512 = "hello-512"
    case read
    case cached
    case readers
    case kickRead = "kick-read"
    case kickOwn = "kick-own"
    case stream
    case burst
    case webhook
    case webhookPaced = "webhook-paced"
    /// Several lines, about a log that takes long to fill: only when asked for.
    case history

    var title: String {
        switch self {
        case .idleMemory: "idle memory, right after start"
        case .idleStreams: "10,000 idle streams"
        case .hello64: "`GET /health/live`, 64 connections"
        case .hello512: "`GET /health/live`, 512 connections"
        case .read: "`GET /v1/logins` (2 logins), 64 connections"
        case .cached: "`GET /v1/channels/{id}`, remembered, 64 connections"
        case .readers: "1,000 readers of one channel"
        case .kickRead: "`GET /v1/livestreams`, another question each time, Kick answers in 200 ms"
        case .kickOwn: "`GET /v1/broadcasters/{id}/redemptions`, the same with a login's token"
        case .stream: "stream: 1 tenant × 1,000 readers, 40 events/s"
        case .burst: "burst: most deliveries/s, 1 tenant × 1,000 readers"
        case .webhook: "webhook: verified, committed, to 1 of 100 readers; 32 senders"
        case .webhookPaced: "webhook: the same, paced at 1,000/s"
        case .history: "a long log"
        }
    }

    var stage: StageKind {
        switch self {
        case .idleMemory, .history: .bare
        case .idleStreams, .hello64, .hello512, .read, .cached, .readers, .kickRead, .kickOwn: .small
        case .stream, .burst: .oneTenant
        case .webhook, .webhookPaced: .manyTenants
        }
    }

    /// A stage that rows have used before would falsify this one.
    var needsFreshStage: Bool { self == .idleStreams }
}

/// One line of the table.
struct Row: Encodable, Sendable {
    let name: String
    let title: String
    /// What is counted, such as `request`.
    var unit = ""
    var operations = 0
    var perSecond: Double?
    /// CPU of the gateway, and of its database where that is part of the row, in microseconds for each operation.
    var cpuMicroseconds: Double?
    var p50Milliseconds: Double?
    var p99Milliseconds: Double?
    /// How busy the load generator was, in cores.
    var generatorCores: Double?
    /// Figures that have no column, by name.
    var details: [String: Double] = [:]
    var notes: [String] = []
    /// Why the row does not count; nil when it does.
    var failure: String?

    init(_ row: RowName) {
        name = row.rawValue
        title = row.title
    }

    init(name: String, title: String, unit: String) {
        self.name = name
        self.title = title
        self.unit = unit
    }

    mutating func take(_ latencies: Histogram) {
        p50Milliseconds = latencies.milliseconds(at: 0.5)
        p99Milliseconds = latencies.milliseconds(at: 0.99)
    }

    mutating func take(_ usage: Usage) {
        generatorCores = usage.generatorCores
        details["other_cores"] = usage.otherCores
        details["stolen_cores"] = usage.stolenCores
        notes += usage.remarks
    }
}
