import Net
import TestKit
import Testing

@testable import Postgres

struct NotificationTests {
    @Test(.timeLimit(.minutes(1)))
    func deliversInOrderFromTheMomentOfConnecting() async throws {
        try await withDatabase(loops: 2) { (database, _) async throws in
            let received = Box<[Notification]>([])
            let connects = Box(0)
            let listening = database.listen(
                channels: ["events", "Odd \"name\""], onNotification: { note in received.update { $0.append(note) } },
                onConnect: { connects.update { $0 += 1 } })
            await until { connects.value == 1 }
            for number in 0..<50 {
                try await database.execute("SELECT pg_notify(\("events"), \(String(number)))")
            }
            try await database.execute("SELECT pg_notify(\("Odd \"name\""), \("it's"))")
            try await database.execute("SELECT pg_notify(\("elsewhere"), \("not for us"))")
            await until { received.value.count >= 51 }
            let expected = (0..<50).map { Notification(channel: "events", payload: String($0)) }
            #expect(received.value == expected + [Notification(channel: "Odd \"name\"", payload: "it's")])
            await listening.stop()
            try await database.execute("SELECT pg_notify(\("events"), \("too late"))")
            #expect(received.value.count == 51)
            #expect(connects.value == 1)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func listensAgainAfterItsConnectionIsLostAndSaysSo() async throws {
        try await withDatabase { (database, test) async throws in
            let received = Box<[String]>([])
            let connects = Box(0)
            _ = database.listen(
                channels: ["events"], onNotification: { note in received.update { $0.append(note.payload) } },
                onConnect: { connects.update { $0 += 1 } })
            await until { connects.value == 1 }
            try await test.psql(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'LISTEN%'
                """)
            await until { connects.value == 2 }
            try await database.execute("SELECT pg_notify(\("events"), \("after"))")
            await until { received.value == ["after"] }
        }
    }

    /// Connects only once the server is there, and stops although it never is.
    @Test(.timeLimit(.minutes(1)))
    func stopsWhileTheServerIsAway() async throws {
        let loops = try LoopGroup(count: 1)
        let database = Database(options: try ConnectionOptions("host=/nonexistent user=x"), loops: loops)
        let listening = database.listen(channels: ["c"], onNotification: { _ in }, onConnect: {})
        await listening.stop()
        await listening.stop()
        await database.shutdown()
        let late = database.listen(channels: ["c"], onNotification: { _ in }, onConnect: {})
        await late.stop()
        loops.shutdown()
    }
}
