import Foundation
import Net
import TestKit
import Testing

@testable import Postgres

private struct TenantID: RawRepresentable, Hashable, Bindable, BindableElement, ColumnDecodable, ColumnDecodableElement
{
    let rawValue: String
}

private enum Mood: String, Bindable, ColumnDecodable { case good, bad }

/// Values to the server and back.
struct DatabaseTests {
    @Test(.timeLimit(.minutes(1)))
    func carriesEveryType() async throws {
        try await withDatabase { (database, _) async throws in
            let date = Date(timeIntervalSince1970: 1_700_000_000.123456)
            let bytes: [UInt8] = [0, 1, 0, 255, 39, 92]
            let row = try await database.query(
                """
                SELECT \("Grüße ' \\ 😀") AS text, \(42) AS int, \(Int64.min) AS int64, \(Int32(-7)) AS int32,
                       \(true) AS bool, \(-1.5e300) AS double, \(bytes) AS bytes, \(date) AS date,
                       \(Duration.milliseconds(-1500)) = interval '-1.5 seconds' AS duration,
                       \(TenantID(rawValue: "ten_1")) AS tenant, \(Mood.bad) AS mood,
                       \(JSONBytes(Array(#"{"a": [1, "x"]}"#.utf8))) AS json, '{"b": 2}'::json AS plain_json,
                       7::int2 AS small, 0.5::float4 AS float, 'v'::varchar AS varchar, 'n'::name AS name
                """)[0]
            #expect(try row["text", as: String.self] == "Grüße ' \\ 😀")
            #expect(try row["int", as: Int.self] == 42)
            #expect(try row["int64", as: Int64.self] == .min)
            #expect(try row["int32", as: Int32.self] == -7)
            #expect(try row["bool", as: Bool.self])
            #expect(try row["double", as: Double.self] == -1.5e300)
            #expect(try row["bytes", as: [UInt8].self] == bytes)
            #expect(try abs(row["date", as: Date.self].timeIntervalSince(date)) < 0.000_001)
            #expect(try row["duration", as: Bool.self])
            #expect(try row["tenant", as: TenantID.self] == TenantID(rawValue: "ten_1"))
            #expect(try row["mood", as: Mood.self] == .bad)
            #expect(try row["json", as: String.self] == #"{"a": [1, "x"]}"#)
            #expect(try row["json", as: JSONBytes.self].bytes == Array(#"{"a": [1, "x"]}"#.utf8))
            #expect(try row["plain_json", as: [UInt8].self] == Array(#"{"b": 2}"#.utf8))
            #expect(try row["small", as: Int.self] == 7)
            #expect(try row["float", as: Double.self] == 0.5)
            #expect(try row["varchar", as: String.self] == "v")
            #expect(try row["name", as: String.self] == "n")
            #expect(try row[1, as: Int.self] == 42)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func carriesArraysOfEveryType() async throws {
        try await withDatabase { (database, _) async throws in
            let blobs: [[UInt8]] = [[0], [], [1, 2, 3]]
            let dates = [Date(timeIntervalSince1970: 0), Date(timeIntervalSince1970: 1e9)]
            let row = try await database.query(
                """
                SELECT \(["a", "", "ü,\"{}"]) AS texts, \([Int64.max, -1]) AS ints, \([Int32(5)]) AS int32s,
                       \([true, false]) AS bools, \(blobs) AS blobs, \([0.25]) AS doubles, \(dates) AS dates,
                       \([String]()) AS none, \(["x", nil] as [String?]) AS holes,
                       \([TenantID(rawValue: "t")]) AS tenants, 'b' = ANY(\(["a", "b"])) AS found
                """)[0]
            #expect(try row["texts", as: [String].self] == ["a", "", "ü,\"{}"])
            #expect(try row["ints", as: [Int64].self] == [.max, -1])
            #expect(try row["int32s", as: [Int32].self] == [5])
            #expect(try row["bools", as: [Bool].self] == [true, false])
            #expect(try row["blobs", as: [[UInt8]].self] == blobs)
            #expect(try row["doubles", as: [Double].self] == [0.25])
            #expect(try row["dates", as: [Date].self] == dates)
            #expect(try row["none", as: [String].self] == [])
            #expect(try row["holes", as: [String?].self] == ["x", nil])
            #expect(try row["tenants", as: [TenantID].self] == [TenantID(rawValue: "t")])
            #expect(try row["found", as: Bool.self])
            #expect(throws: DatabaseError.self) { try row["holes", as: [String].self] }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func tellsNullFromEmpty() async throws {
        try await withDatabase { (database, _) async throws in
            let row = try await database.query(
                "SELECT \(nil as String?) AS a, \("") AS b, \(nil as [UInt8]?) AS c, \([UInt8]()) AS d, \(nil as [Int]?) AS e"
            )[0]
            #expect(try row["a", as: String?.self] == nil)
            #expect(try row["b", as: String?.self] == "")
            #expect(try row["c", as: [UInt8]?.self] == nil)
            #expect(try row["d", as: [UInt8]?.self] == [])
            #expect(try row["e", as: [Int]?.self] == nil)
            let error = #expect(throws: DatabaseError.self) { try row["a", as: String.self] }
            #expect(error?.kind == .decoding)
            #expect(throws: DatabaseError.self) { try row["no_such_column", as: String.self] }
            #expect(throws: DatabaseError.self) { try row[9, as: String.self] }
            #expect(throws: DatabaseError.self) { try row["b", as: Int.self] }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func keepsDatesToTheMicrosecond() async throws {
        try await withDatabase { (database, _) async throws in
            for text in ["1969-12-31 23:59:59.999999", "2000-01-01 00:00:00", "2026-07-03 12:34:56.789012"] {
                let row = try await database.query("SELECT \(text)::timestamptz AS t")[0]
                let date = try row["t", as: Date.self]
                let back = try await database.query("SELECT \(date) = \(text)::timestamptz AS same")[0]
                #expect(try back["same", as: Bool.self], "\(text)")
            }
            let row = try await database.query("SELECT 'infinity'::timestamptz AS a, '-infinity'::timestamptz AS b")[0]
            #expect(try row["a", as: Date.self] == .distantFuture)
            #expect(try row["b", as: Date.self] == .distantPast)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func injectionStaysData() async throws {
        try await withDatabase { (database, _) async throws in
            try await database.execute("CREATE TABLE victims (name text, other text)")
            for text in [
                "'; DROP TABLE victims; --", "\\'; DROP TABLE victims; --", "$1", "$2",
                "\u{FF07}; DROP TABLE victims", "' OR '1'='1", "\"; SELECT pg_sleep(10)", "/* ", "{\"a\"}", "NULL",
            ] {
                try await database.execute("INSERT INTO victims VALUES (\(text), \("other"))")
                let rows = try await database.query(
                    "SELECT name FROM victims WHERE name = \(text) AND other = \("other")")
                #expect(try rows.map { row throws(DatabaseError) in try row["name", as: String.self] } == [text])
                let all = try await database.query("SELECT name FROM victims WHERE name = ANY(\([text, "x' OR ''='"]))")
                #expect(all.count == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func refusesWhatTextCannotHoldAndGoesOn() async throws {
        try await withDatabase { (database, _) async throws in
            let error = await databaseError { _ = try await database.query("SELECT \("a\0b")") }
            #expect(error?.sqlState == .invalidText)
            #expect(try await database.query("SELECT 1").count == 1)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func countsTheRowsThatItTouched() async throws {
        try await withDatabase { (database, _) async throws in
            #expect(try await database.execute("CREATE TABLE t (n bigint PRIMARY KEY)") == 0)
            #expect(try await database.execute("INSERT INTO t SELECT generate_series(1, 5)") == 5)
            #expect(try await database.execute("UPDATE t SET n = n + 10 WHERE n > \(3)") == 2)
            #expect(try await database.execute("DELETE FROM t WHERE n = \(99)") == 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func errorsAreSafeToShowAndNameTheConstraint() async throws {
        try await withDatabase { (database, _) async throws in
            try await database.execute("CREATE TABLE t (n text CONSTRAINT one_of_each PRIMARY KEY)")
            try await database.execute("INSERT INTO t VALUES (\("s3cret"))")
            let error = await databaseError { try await database.execute("INSERT INTO t VALUES (\("s3cret"))") }
            #expect(error?.kind == .server(.uniqueViolation))
            #expect(error?.constraint == "one_of_each")
            #expect(error?.isUnavailable == false)
            #expect(error?.outcomeIsUnknown == false)
            #expect(error?.description == "the database refused a statement (SQLSTATE 23505)")
            #expect(error?.debugDescription.contains("s3cret") == false)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func staysUsableAfterEveryKindOfRefusal() async throws {
        var limits = PoolLimits()
        limits.connectionsPerLoop = 1
        try await withDatabase(limits: limits) { (database, _) async throws in
            let pid = try await database.query("SELECT pg_backend_pid() AS pid")[0]["pid", as: Int.self]
            for (query, state) in [
                ("SELEC 1" as Query, SQLState.syntaxError), ("SELECT * FROM nowhere", .undefinedTable),
                ("SELECT 1 / \(0)", .divisionByZero), ("SELECT 1 / \(0)", .divisionByZero),
            ] {
                let error = await databaseError { _ = try await database.query(query) }
                #expect(error?.sqlState == state)
            }
            #expect(try await database.query("SELECT pg_backend_pid() AS pid")[0]["pid", as: Int.self] == pid)
        }
    }

    /// COPY would leave the protocol where nobody continues it.
    @Test(.timeLimit(.minutes(1)))
    func refusesCopyAndRecovers() async throws {
        try await withDatabase { (database, _) async throws in
            let error = await databaseError { _ = try await database.query("COPY (SELECT 1) TO STDOUT") }
            #expect(error?.kind == .misuse)
            #expect(try await database.query("SELECT 1").count == 1)
        }
    }

    /// A prepared statement whose table changes under it fails once at most; then it is prepared anew.
    @Test(.timeLimit(.minutes(1)))
    func survivesAChangeOfSchema() async throws {
        var limits = PoolLimits()
        limits.connectionsPerLoop = 1
        try await withDatabase(limits: limits) { (database, _) async throws in
            try await database.execute("CREATE TABLE t (n bigint)")
            let query: Query = "SELECT * FROM t"
            _ = try await database.query(query)
            try await database.execute("ALTER TABLE t ADD COLUMN more text")
            _ = await databaseError { _ = try await database.query(query) }
            _ = try await database.query(query)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func boundsItsPreparedStatements() async throws {
        var limits = PoolLimits()
        limits.connectionsPerLoop = 1
        try await withDatabase(limits: limits) { (database, _) async throws in
            for number in 0..<(PostgresConnection.statementCapacity + 50) {
                let query: Query = "SELECT \(unescaped: String(number)) + \(1) AS sum"
                #expect(try await database.query(query)[0]["sum", as: Int.self] == number + 1)
            }
            let count = try await database.query("SELECT count(*) AS n FROM pg_prepared_statements")[0]
            #expect(try count["n", as: Int.self] <= PostgresConnection.statementCapacity)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func takesAsManyParametersAsTheProtocolCanCount() async throws {
        try await withDatabase { (database, _) async throws in
            func sum(_ count: Int) -> Query {
                (1..<count).reduce("SELECT \(1)" as Query) { query, _ in "\(query) + \(1)" }
            }
            #expect(try await database.query(sum(1000))[0][0, as: Int.self] == 1000)
            var query = Query.StringInterpolation(literalCapacity: 0, interpolationCount: 65_536)
            for _ in 0..<65_536 { query.appendInterpolation(1) }
            let tooMany = Query(stringInterpolation: query)
            let error = await databaseError { try await database.query(tooMany) }
            #expect(error?.kind == .misuse)
            #expect(error?.outcomeIsUnknown == false)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func carriesLargeValuesBothWays() async throws {
        try await withDatabase { (database, _) async throws in
            let bytes = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let row = try await database.query("SELECT \(bytes) AS bytes")[0]
            #expect(try row["bytes", as: [UInt8].self] == bytes)
        }
    }

    @Test func readsConnectionStringsAndHidesPasswords() throws {
        let options = try ConnectionOptions("postgresql://me:hunter2@db.example:5433/gateway?sslmode=require")
        #expect(options.description == "host=db.example port=5433 dbname=gateway user=me sslmode=require")
        #expect(!String(reflecting: options).contains("hunter2"))
        for broken in [
            "postgresql://me:hunter2@[host/", "postgresql://me:hunter2@host/db?hunter2", "host=a password='hunter2",
            "hunter2",
        ] {
            let error = #expect(throws: DatabaseError.self) { try ConnectionOptions(broken) }
            #expect(error?.kind == .misuse)
            #expect(error?.debugDescription.contains("hunter2") == false, "\(error?.debugDescription ?? "")")
        }
    }
}
