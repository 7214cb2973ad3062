import Foundation
import Testing

@testable import Postgres

/// Interpolation binds; it never pastes data.
struct QueryTests {
    @Test func bindsEveryInterpolatedValue() {
        let name = "Robert'); DROP TABLE students;--"
        let query: Query = "SELECT * FROM t WHERE name = \(name) AND seq > \(Int64(7)) AND gone IS \(nil as Bool?)"
        #expect(query.sql == "SELECT * FROM t WHERE name = $1 AND seq > $2 AND gone IS $3")
        #expect(query.types == [.text, .int8, .bool])
        #expect(query.slots.map(\.length) == [name.utf8.count, 8, -1])
        #expect(query.bytes == Array(name.utf8) + [0, 0, 0, 0, 0, 0, 0, 7])
    }

    @Test func tellsEmptyFromNull() {
        let query: Query = "\("") \([UInt8]()) \(nil as String?) \(nil as [UInt8]?)"
        #expect(query.slots.map(\.length) == [0, 0, -1, -1])
        #expect(query.types == [.text, .bytea, .text, .bytea])
    }

    @Test func insertsFragmentsAndNumbersTheirParametersOn() {
        let filter: Query = "AND kind = \("a") AND note <> '$1' AND \"$2\" < \(2)"
        let query: Query = "SELECT \(1) \(filter) LIMIT \(3)"
        #expect(query.sql == "SELECT $1 AND kind = $2 AND note <> '$1' AND \"$2\" < $3 LIMIT $4")
        #expect(query.types == [.int8, .text, .int8, .int8])
        #expect(query.slots.map(\.offset) == [0, 8, 9, 17])
    }

    @Test(arguments: [("plain", "\"plain\""), ("we\"ird", "\"we\"\"ird\""), ("cut\0off", "\"cut\"")])
    func quotesIdentifiers(name: String, quoted: String) {
        let query: Query = "LISTEN \(identifier: name)"
        #expect(query.sql == "LISTEN \(quoted)")
        #expect(query.slots.isEmpty)
    }

    @Test func pastesOnlyWhatIsMarked() {
        let query: Query = "SELECT \(unescaped: "a, b") FROM t"
        #expect(query.sql == "SELECT a, b FROM t")
    }
}

struct StatementCacheTests {
    @Test func preparesAStatementOnce() {
        var cache = StatementCache(capacity: 2)
        let key = StatementCache.Key(sql: "SELECT $1", types: [.text])
        let first = cache.use(key)
        #expect(first.isNew && first.evicted == nil)
        #expect(cache.use(key) == .init(name: first.name, isNew: false, evicted: nil))
        #expect(cache.use(.init(sql: "SELECT $1", types: [.int8])).isNew, "other types are another statement")
    }

    @Test func evictsTheLeastRecentlyUsed() {
        var cache = StatementCache(capacity: 2)
        func key(_ sql: String) -> StatementCache.Key { .init(sql: sql, types: []) }
        _ = cache.use(key("a"))
        let b = cache.use(key("b"))
        _ = cache.use(key("a"))
        let c = cache.use(key("c"))
        #expect(c.evicted == b.name)
        #expect(cache.count == 2)
        #expect(!cache.use(key("a")).isNew)
        #expect(cache.use(key("b")).isNew)
    }

    @Test func preparesAgainWhatWasForgotten() {
        var cache = StatementCache(capacity: 2)
        let key = StatementCache.Key(sql: "a", types: [])
        let name = cache.use(key).name
        cache.forget(key)
        let again = cache.use(key)
        #expect(again.isNew && again.name != name)
    }
}

struct BackoffTests {
    @Test func doublesUpToItsLimitWithinItsJitter() {
        let backoff = Backoff(base: .milliseconds(100), limit: .seconds(1))
        #expect(backoff.pause(afterFailures: 1, random: 0) == .milliseconds(50))
        #expect(backoff.pause(afterFailures: 3, random: 0) == .milliseconds(200))
        #expect(backoff.pause(afterFailures: 3, random: 0.5) == .milliseconds(300))
        for failures in [5, 50, 5000] {
            #expect(backoff.pause(afterFailures: failures, random: 0) == .milliseconds(500))
        }
    }
}
