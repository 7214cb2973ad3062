package import Net
import Synchronization

/// What a refresh token was when it was presented.
package struct PresentedToken: Sendable {
    package let grantID: String
    package let clientID: String
    package let userID: Int
    /// Of the token, and of the newest one of its grant.
    package let generation: Int
    package let newestGeneration: Int
    package let issuedAt: SandboxTime

    package init(
        grantID: String, clientID: String, userID: Int, generation: Int, newestGeneration: Int, issuedAt: SandboxTime
    ) {
        self.grantID = grantID
        self.clientID = clientID
        self.userID = userID
        self.generation = generation
        self.newestGeneration = newestGeneration
        self.issuedAt = issuedAt
    }
}

/// The truth about refreshes, for proofs: who refreshed how often, and what should not have happened.
///
/// A request is in flight from its arrival to its answer, faults and delays included. The death of its connection ends
/// it too; that is looked up only when it matters, that is when a maximum would rise.
package final class RefreshLedger: Sendable {
    /// What happened to one grant since the last reset.
    package struct Row: Sendable {
        package let clientID: String
        package let userID: Int
        package var generation = 0
        package var refreshes = 0
        package var refused = 0
        package var greatestInFlight = 0
        /// Uses of a token whose successor had been issued already: all, those of the newest one's direct predecessor,
        /// and those that were answered with a new pair.
        package var supersededUses = 0
        package var supersededOneBack = 0
        package var supersededAccepted = 0
    }

    /// A token request on its way.
    package struct Flight: Sendable {
        fileprivate let number: UInt64
    }

    struct Contents: Sendable {
        var since: SandboxTime
        /// By the grant's id.
        var rows: [String: Row] = [:]
        /// Refused refreshes with a token of no grant: unknown, forgotten, or of an ended grant.
        var refusedUnknown = 0
        var greatestInFlight = 0
        var greatestConnections = 0
        /// Age at its use of the oldest refresh token that was accepted, in seconds.
        var greatestTokenAge = 0
        var histogram = SecondHistogram()
        fileprivate(set) var flights: [UInt64: (grantID: String?, peer: SocketAddress, since: SandboxTime)] = [:]
        fileprivate var flightsByGrant: [String: Set<UInt64>] = [:]
        fileprivate var nextFlight: UInt64 = 0
    }

    private let contents: Mutex<Contents>
    private let gone: @Sendable (Set<SocketAddress>) -> Set<SocketAddress>

    /// - Parameter gone: which of these peers have closed their connection.
    package init(
        at now: SandboxTime, gone: @escaping @Sendable (Set<SocketAddress>) -> Set<SocketAddress>
    ) {
        contents = Mutex(Contents(since: now))
        self.gone = gone
    }

    func read<R>(_ body: (borrowing Contents) -> R) -> R { contents.withLock { body($0) } }

    /// The row of a grant; nil when it asked for nothing since the last reset.
    package func row(ofGrant id: String) -> Row? { contents.withLock { $0.rows[id] } }

    // MARK: In flight

    /// A token request has arrived.
    ///
    /// - Parameters:
    ///   - token: the refresh token it presents; nil for other requests and for tokens that nobody knows.
    ///   - openConnections: of the server at this moment.
    package func arrive(
        _ token: PresentedToken?, from peer: SocketAddress, openConnections: Int = 0, at now: SandboxTime
    ) -> Flight {
        contents.withLock { contents in
            let grantID = token?.grantID
            if grantID.map({ contents.flightsByGrant[$0] != nil }) ?? false
                || contents.flights.count >= contents.greatestInFlight && contents.hasOldFlight(at: now)
            {
                forgetDead(&contents)
            }
            let number = contents.nextFlight
            contents.nextFlight += 1
            contents.flights[number] = (grantID, peer, now)
            contents.greatestInFlight = max(contents.greatestInFlight, contents.flights.count)
            contents.greatestConnections = max(contents.greatestConnections, openConnections)
            if let token {
                contents.flightsByGrant[token.grantID, default: []].insert(number)
                let inFlight = contents.flightsByGrant[token.grantID]?.count ?? 0
                contents.withRow(of: token) { $0.greatestInFlight = max($0.greatestInFlight, inFlight) }
            }
            return Flight(number: number)
        }
    }

    /// It is answered.
    package func leave(_ flight: Flight) {
        contents.withLock { $0.forget(flight.number) }
    }

    private func forgetDead(_ contents: inout Contents) {
        let gone = gone(Set(contents.flights.values.map(\.peer)))
        guard !gone.isEmpty else { return }
        for (number, flight) in contents.flights where gone.contains(flight.peer) { contents.forget(number) }
    }

    // MARK: Outcomes

    /// A refresh came to its end in the state, whatever answer the client gets to see.
    package func record(_ token: PresentedToken?, isAccepted: Bool, at now: SandboxTime) {
        contents.withLock { contents in
            if isAccepted { contents.histogram.add(second: now.seconds) }
            guard let token else {
                contents.refusedUnknown += 1
                return
            }
            contents.withRow(of: token) { row in
                let generationsBack = token.newestGeneration - token.generation
                row.generation = token.newestGeneration + (isAccepted ? 1 : 0)
                if isAccepted { row.refreshes += 1 } else { row.refused += 1 }
                guard generationsBack > 0 else { return }
                row.supersededUses += 1
                if generationsBack == 1 { row.supersededOneBack += 1 }
                if isAccepted { row.supersededAccepted += 1 }
            }
            if isAccepted {
                let age = (now.milliseconds - token.issuedAt.milliseconds) / 1000
                contents.greatestTokenAge = max(contents.greatestTokenAge, age)
            }
        }
    }

    /// Counts from zero again. What is in flight stays in flight.
    package func reset(at now: SandboxTime) {
        contents.withLock { contents in
            var fresh = Contents(since: now)
            fresh.flights = contents.flights
            fresh.flightsByGrant = contents.flightsByGrant
            fresh.nextFlight = contents.nextFlight
            fresh.greatestInFlight = contents.flights.count
            for (id, numbers) in contents.flightsByGrant {
                guard let row = contents.rows[id] else { continue }
                fresh.rows[id] = Row(
                    clientID: row.clientID, userID: row.userID, generation: row.generation,
                    greatestInFlight: numbers.count)
            }
            contents = fresh
        }
    }
}

extension RefreshLedger.Contents {
    /// Whether one has been in flight for longer than a client's patience may be.
    fileprivate func hasOldFlight(at now: SandboxTime) -> Bool {
        flights.values.contains { now.milliseconds - $0.since.milliseconds >= 500 }
    }

    fileprivate mutating func forget(_ number: UInt64) {
        guard let flight = flights.removeValue(forKey: number), let id = flight.grantID else { return }
        flightsByGrant[id]?.remove(number)
        if flightsByGrant[id]?.isEmpty ?? false { flightsByGrant[id] = nil }
    }

    fileprivate mutating func withRow(of token: PresentedToken, _ body: (inout RefreshLedger.Row) -> Void) {
        body(
            &rows[
                token.grantID,
                default: RefreshLedger.Row(
                    clientID: token.clientID, userID: token.userID, generation: token.newestGeneration)])
    }
}
