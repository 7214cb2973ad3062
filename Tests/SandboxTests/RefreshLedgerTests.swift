import Net
import Sandbox
import Synchronization
import Testing

@Suite("Sandbox: the ledger of refreshes")
struct RefreshLedgerTests {
    private static func peer(_ port: UInt16) -> SocketAddress { .ipv4([127, 0, 0, 1], port: port) }

    private static func token(_ grant: String, generation: Int = 1, newest: Int = 1) -> PresentedToken {
        PresentedToken(
            grantID: grant, clientID: "client", userID: 1001, generation: generation, newestGeneration: newest,
            issuedAt: Samples.now)
    }

    @Test("Two requests of one grant at once are seen, of two grants are not")
    func inFlight() throws {
        let ledger = RefreshLedger(at: Samples.now) { _ in [] }
        let first = ledger.arrive(Self.token("A"), from: Self.peer(1), at: Samples.now)
        let other = ledger.arrive(Self.token("B"), from: Self.peer(2), at: Samples.now)
        #expect(ledger.row(ofGrant: "A")?.greatestInFlight == 1)
        let second = ledger.arrive(Self.token("A"), from: Self.peer(3), at: Samples.now)
        #expect(ledger.row(ofGrant: "A")?.greatestInFlight == 2)
        #expect(ledger.row(ofGrant: "B")?.greatestInFlight == 1)
        for flight in [first, second, other, first] { ledger.leave(flight) }
        ledger.leave(ledger.arrive(Self.token("B"), from: Self.peer(1), at: Samples.now))
        #expect(ledger.row(ofGrant: "B")?.greatestInFlight == 1)
    }

    @Test("A request whose connection has died is in flight no more", arguments: [true, false])
    func deadConnection(isDead: Bool) throws {
        let ledger = RefreshLedger(at: Samples.now) { peers in isDead ? peers : [] }
        let first = ledger.arrive(Self.token("A"), from: Self.peer(1), at: Samples.now)
        _ = ledger.arrive(Self.token("A"), from: Self.peer(2), at: Samples.now)
        #expect(ledger.row(ofGrant: "A")?.greatestInFlight == (isDead ? 1 : 2))
        ledger.leave(first)
    }

    @Test(
        "A token whose successor was issued is a superseded one",
        arguments: [(3, 3, 0, 0), (2, 3, 1, 1), (1, 3, 1, 0)])
    func superseded(generation: Int, newest: Int, uses: Int, oneBack: Int) throws {
        for isAccepted in [true, false] {
            let ledger = RefreshLedger(at: Samples.now) { _ in [] }
            ledger.record(
                Self.token("A", generation: generation, newest: newest), isAccepted: isAccepted, at: Samples.now)
            let row = try #require(ledger.row(ofGrant: "A"))
            #expect(row.supersededUses == uses)
            #expect(row.supersededOneBack == oneBack)
            #expect(row.supersededAccepted == (isAccepted ? uses : 0))
            #expect((row.refreshes, row.refused) == (isAccepted ? (1, 0) : (0, 1)))
            #expect(row.generation == (isAccepted ? newest + 1 : newest))
        }
    }

    @Test("A reset counts from zero and keeps what is in flight")
    func reset() throws {
        let ledger = RefreshLedger(at: Samples.now) { _ in [] }
        let first = ledger.arrive(Self.token("A"), from: Self.peer(1), at: Samples.now)
        ledger.record(Self.token("A"), isAccepted: true, at: Samples.now)
        ledger.record(Self.token("B"), isAccepted: true, at: Samples.now)
        ledger.reset(at: Samples.now)
        #expect(ledger.row(ofGrant: "A")?.refreshes == 0)
        #expect(ledger.row(ofGrant: "B") == nil)
        _ = ledger.arrive(Self.token("A"), from: Self.peer(2), at: Samples.now)
        #expect(ledger.row(ofGrant: "A")?.greatestInFlight == 2)
        ledger.leave(first)
    }
}
