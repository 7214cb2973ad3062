import Kick
import Model
import Net

/// What one asks: whose eyes it is seen with, the operation, and its parameters in one fixed spelling.
struct ReadKey: Hashable, Sendable {
    enum Subject: Hashable, Sendable {
        /// Public data, the same for all tenants of the app.
        case app(AppID)
        /// The login's own data (P14).
        case login(LoginID)

        var isLogin: Bool {
            if case .login = self { true } else { false }
        }
    }

    let subject: Subject
    let operation: KickOperation
    let parameters: String
}

/// What Kick has said lately, within bounds. Pure: time comes in as a parameter.
///
/// A write makes the memory of what it changed void. What was asked before the write and answered after it is not
/// remembered either, and for some seconds after a write what is read is remembered shortly: Kick itself is behind then
/// (FACTS §2.3, #205).
struct ReadMemory {
    struct Limits: Sendable {
        var count = 20_000
        /// Of the representations together.
        var bytes = 64 << 20
        /// How long Kick may be behind after a write, and how long what is read then is remembered.
        var settling = Duration.seconds(10)
        var freshWhileSettling = Duration.seconds(1)
        /// When Kick could not be asked, what is old is given for so long without asking again.
        var pauseAfterTrouble = Duration.seconds(2)
        var rememberedChanges = 10_000
    }

    private final class Entry {
        let representation: Representation?
        let tags: [CacheTag]
        let storedAt: Deadline
        /// When it ceases to be fresh by itself.
        let expiresAt: Deadline
        let usableUntil: Deadline
        /// Until when it is given without asking.
        var freshUntil: Deadline
        var trouble: String?
        var wasUsed = false

        init(
            _ representation: Representation?, _ tags: [CacheTag], storedAt: Deadline, freshUntil: Deadline,
            usableUntil: Deadline
        ) {
            self.representation = representation
            self.tags = tags
            self.storedAt = storedAt
            expiresAt = freshUntil
            self.freshUntil = freshUntil
            self.usableUntil = usableUntil
        }

        /// What it takes without its key, roughly, in bytes.
        var size: Int { (representation?.bytes.count ?? 0) + 64 * tags.count + 256 }
    }

    /// A point in the sequence of changes.
    typealias Moment = UInt64

    private let limits: Limits
    private var entries: [ReadKey: Entry] = [:]
    /// Oldest first, with keys of entries that are gone. Who was used since gets a second turn.
    private var order: [ReadKey] = []
    private var orderStart = 0
    private var keys: [CacheTag: Set<ReadKey>] = [:]
    private(set) var bytes = 0
    private(set) var moment: Moment = 0
    private var changes: [CacheTag: (moment: Moment, at: Deadline)] = [:]
    /// Changes up to here are not told apart any more.
    private var forgottenUpTo: Moment = 0

    init(limits: Limits) {
        self.limits = limits
    }

    var count: Int { entries.count }

    /// What is fresh.
    func fresh(_ key: ReadKey, at now: Deadline) -> ReadAnswer? {
        guard let entry = entries[key], entry.freshUntil > now else { return nil }
        entry.wasUsed = true
        return Self.answer(entry, at: now)
    }

    /// Whether there is anything old to give. That Kick did not know something is no longer true because it is old.
    func isUsable(_ key: ReadKey, at now: Deadline) -> Bool {
        entries[key].map { $0.usableUntil > now && $0.representation != nil } ?? false
    }

    /// What is not void, though perhaps old: for when Kick is in `trouble`. Until a pause is over it counts as fresh.
    mutating func old(_ key: ReadKey, because trouble: String, at now: Deadline) -> ReadAnswer? {
        guard let entry = entries[key], isUsable(key, at: now) else { return nil }
        if entry.freshUntil <= now {
            entry.trouble = trouble
            entry.freshUntil = min(now + limits.pauseAfterTrouble, entry.usableUntil)
        }
        return Self.answer(entry, at: now)
    }

    /// Remembers what was asked at `asked`, unless something that it is about has changed since.
    mutating func store(
        _ representation: Representation?, _ tags: [CacheTag], for key: ReadKey, _ lifetime: CacheLifetime,
        asked: Moment, at now: Deadline
    ) -> ReadAnswer {
        let settles = tags.contains { tag in changes[tag].map { $0.at + limits.settling > now } ?? false }
        let fresh = settles ? min(lifetime.fresh, limits.freshWhileSettling) : lifetime.fresh
        let entry = Entry(
            representation, tags, storedAt: now, freshUntil: now + fresh, usableUntil: now + fresh + lifetime.stale)
        guard !hasChanged(tags, since: asked) else { return Self.answer(entry, at: now, isKept: false) }
        remove(key)
        entries[key] = entry
        order.append(key)
        bytes += entry.size + key.parameters.utf8.count
        for tag in tags { keys[tag, default: []].insert(key) }
        shrink()
        return Self.answer(entry, at: now)
    }

    /// Whether anything that carries one of these tags has changed since then.
    func hasChanged(_ tags: [CacheTag], since asked: Moment) -> Bool {
        guard asked < moment, !tags.isEmpty else { return false }
        return asked < forgottenUpTo || tags.contains { (changes[$0]?.moment ?? 0) > asked }
    }

    /// Makes void what carries one of these tags.
    mutating func change(_ tags: [CacheTag], at now: Deadline) {
        moment += 1
        if changes.count + tags.count > limits.rememberedChanges {
            changes = [:]
            forgottenUpTo = moment
        }
        for tag in tags {
            changes[tag] = (moment, now)
            for key in keys[tag] ?? [] { remove(key) }
        }
    }

    private mutating func remove(_ key: ReadKey) {
        guard let entry = entries.removeValue(forKey: key) else { return }
        bytes -= entry.size + key.parameters.utf8.count
        for tag in entry.tags {
            keys[tag]?.remove(key)
            if keys[tag]?.isEmpty == true { keys[tag] = nil }
        }
    }

    /// Throws out the oldest that nobody has used since its last turn.
    private mutating func shrink() {
        while entries.count > limits.count || bytes > limits.bytes, orderStart < order.count {
            let key = order[orderStart]
            orderStart += 1
            guard let entry = entries[key] else { continue }
            if entry.wasUsed {
                entry.wasUsed = false
                order.append(key)
            } else {
                remove(key)
            }
        }
        // Keys of what is gone, and those that have had their turn, are cleared away when they are the greater part.
        guard order.count > 1024, order.count > 2 * entries.count else { return }
        var seen: Set<ReadKey> = []
        order = order[orderStart...].filter { entries[$0] != nil && seen.insert($0).inserted }
        orderStart = 0
    }

    private static func answer(_ entry: Entry, at now: Deadline, isKept: Bool = true) -> ReadAnswer {
        // While Kick is in trouble the time to the next question is no freshness.
        let freshness = entry.trouble == nil ? entry.freshUntil - now : .zero - (now - entry.expiresAt)
        return ReadAnswer(
            representation: entry.representation, age: now - entry.storedAt, freshness: freshness,
            trouble: entry.trouble, isKept: isKept)
    }
}
