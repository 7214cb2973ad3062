import HTTP
import HTTPServer

/// /sandbox/grants and /sandbox/refreshes: many logins for a test, and the truth about what became of them.
struct RefreshRoutes: Sendable {
    let core: SandboxCore

    func add(to router: inout Router<Handler>) {
        router.addControl(.post, "/sandbox/grants") { try makeGrants($0) }
        router.add(.get, "/sandbox/refreshes") { request in
            do {
                return .json(try refreshes(try request.query()))
            } catch let error as SandboxError {
                return .controlError(error.description)
            }
        }
        router.addControl(.post, "/sandbox/refreshes/reset") { _ in
            core.refreshes.reset(at: .now())
            return Response(status: .noContent)
        }
    }

    private func makeGrants(_ json: JSON?) throws -> Response {
        let order = try GrantOrder(json)
        let clientID = order.clientID ?? core.configuration.app.clientID
        let policy = core.tokens
        let made = try core.keeper.change {
            $0.makeGrants(order, clientID: clientID, policy: policy, at: .now())
        }
        guard let made else { return .controlError("there is no app \(clientID)", status: .notFound) }
        try core.secrets?.issued(made.flatMap { $0.tokens.secrets })
        return .json([
            "data": .array(
                made.map { userID, tokens in
                    [
                        "user_id": .integer(userID), "access_token": .string(tokens.accessToken),
                        "refresh_token": .optional(tokens.refreshToken), "expires_in": .integer(tokens.expiresIn),
                        "scope": .string(tokens.scopes.joined(separator: " ")),
                    ]
                })
        ])
    }

    // MARK: The truth

    private func refreshes(_ query: QueryItems) throws(SandboxError) -> JSON {
        func number(_ name: String, in bounds: ClosedRange<Int>, default standard: Int) throws(SandboxError) -> Int {
            guard let text = query[name] else { return standard }
            guard let number = Int(text), bounds.contains(number) else {
                throw .configuration(reason: "\(name): expected \(bounds.lowerBound) to \(bounds.upperBound)")
            }
            return number
        }
        let width = try number("bucket_seconds", in: 1...86400, default: 1)
        let limit = try number("limit", in: 1...100_000, default: 1000)
        let userID = try number("user_id", in: 0...Int.max, default: 0)
        let isListing = query["grants"] != nil && query["grants"] != "0" || userID > 0
        let openConnections = core.openConnections
        var members = core.refreshes.read { $0.summary(bucketSeconds: width, openConnections: openConnections) }
        if isListing {
            let rows = core.refreshes.read { $0.rows }
            // The worst first, so that a limit does not hide them.
            let sorted = rows.filter { userID == 0 || $0.value.userID == userID }
                .sorted { one, other in
                    let (left, right) = (one.value.trouble, other.value.trouble)
                    return left == right ? (one.value.userID, one.key) < (other.value.userID, other.key) : left > right
                }
            members.append(
                .init(name: "grants", value: .array(sorted.prefix(limit).map { $0.value.json(grantID: $0.key) })))
        }
        return .object(members)
    }
}

extension RefreshLedger.Contents {
    fileprivate func summary(bucketSeconds: Int, openConnections: Int) -> [JSON.Member] {
        func sum(_ path: KeyPath<RefreshLedger.Row, Int>) -> JSON {
            .integer(rows.values.reduce(0) { $0 + $1[keyPath: path] })
        }
        let (start, counts) = histogram.buckets(of: bucketSeconds)
        let json: KeyValuePairs<String, JSON> = [
            "since": .string(since.text),
            "grant_count": .integer(rows.count),
            "refreshes": sum(\.refreshes),
            "refused": .integer(rows.values.reduce(refusedUnknown) { $0 + $1.refused }),
            "refused_unknown": .integer(refusedUnknown),
            "superseded_uses": sum(\.supersededUses),
            "superseded_one_back": sum(\.supersededOneBack),
            "superseded_accepted": sum(\.supersededAccepted),
            "max_in_flight": .integer(rows.values.map(\.greatestInFlight).max() ?? 0),
            "grants_with_concurrent_refreshes": .integer(rows.values.count { $0.greatestInFlight > 1 }),
            "max_refresh_token_age_seconds": .integer(greatestTokenAge),
            "token_requests_in_flight": .integer(flights.count),
            "max_token_requests_in_flight": .integer(greatestInFlight),
            "open_connections": .integer(openConnections),
            "max_open_connections": .integer(max(greatestConnections, openConnections)),
            "histogram": [
                "bucket_seconds": .integer(bucketSeconds), "first_bucket_at": .integer(start),
                "counts": .array(counts.map { .integer($0) }), "greatest": .integer(counts.max() ?? 0),
            ],
        ]
        return json.map { JSON.Member(name: $0.key, value: $0.value) }
    }
}

extension RefreshLedger.Row {
    fileprivate var trouble: (Int, Int, Int) { (greatestInFlight, supersededUses, refused) }

    fileprivate func json(grantID: String) -> JSON {
        [
            "grant_id": .string(grantID), "client_id": .string(clientID), "user_id": .integer(userID),
            "generation": .integer(generation), "refreshes": .integer(refreshes), "refused": .integer(refused),
            "max_in_flight": .integer(greatestInFlight), "superseded_uses": .integer(supersededUses),
            "superseded_one_back": .integer(supersededOneBack), "superseded_accepted": .integer(supersededAccepted),
        ]
    }
}
