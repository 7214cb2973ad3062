import Crypto
import HTTP
import HTTPClient
import Net
import ProcessKit
import Sandbox

/// The stand-in for Kick, in this process, with its control routes: what makes the consents and tells the truth about
/// what was done with the tokens.
final class KickStandIn: Sendable {
    static let clientID = "chaos-client"
    static let clientSecret = "chaos-secret"

    let url: String
    let port: UInt16
    private let server: SandboxServer
    let calls: HTTPCaller

    private init(url: String, server: SandboxServer, client: OutboundClient) {
        self.url = url
        port = UInt16(clamping: HTTPURL(url)?.port ?? 0)
        self.server = server
        calls = HTTPCaller(client: client, base: url)
    }

    static func start(_ workshop: Workshop, _ change: (inout TokenPolicy) -> Void) async throws -> KickStandIn {
        var configuration = SandboxConfiguration()
        configuration.listenAddress = .ipv4([127, 0, 0, 1], port: 0)
        configuration.signingKeyPEM = workshop.signingKey.revealPEM()
        configuration.app.clientID = clientID
        configuration.app.clientSecret = clientSecret
        configuration.app.webhookURL = nil
        configuration.users = []
        change(&configuration.tokens)
        let server = try SandboxServer(configuration: configuration, loops: workshop.kickLoops)
        return KickStandIn(url: try await server.start(), server: server, client: workshop.client)
    }

    func stop() async {
        await server.stop()
    }

    // MARK: Orders

    /// A consent of one account, as the token endpoint gave it.
    struct Consent: Sendable {
        let userID: Int
        let accessToken: String
        let refreshToken: String
        let scopes: [String]
    }

    /// Consents of so many accounts, numbered from `firstUserID`, with access tokens of this life.
    func makeConsents(_ count: Int, firstUserID: Int, tokenSeconds: Int) async throws -> [Consent] {
        let answer = try await calls.json(
            .post, "/sandbox/grants",
            [
                "count": .integer(count), "first_user_id": .integer(firstUserID),
                "access_token_seconds": .integer(tokenSeconds),
            ])
        let consents = (answer["data"]?.arrayValue ?? []).compactMap { entry -> Consent? in
            guard let user = entry["user_id"]?.integerValue, let access = entry["access_token"]?.stringValue,
                let refresh = entry["refresh_token"]?.stringValue, let scope = entry["scope"]?.stringValue
            else { return nil }
            return Consent(
                userID: user, accessToken: access, refreshToken: refresh,
                scopes: scope.split(separator: " ").map(String.init))
        }
        guard consents.count == count else {
            throw ProcessError("the sandbox made \(consents.count) of \(count) grants")
        }
        return consents
    }

    /// Life of access tokens from now on.
    func setTokenLife(seconds: Int) async throws {
        try await calls.json(.put, "/sandbox/policy", ["access_token_seconds": .integer(seconds)])
    }

    /// Holds back the answers of the next refreshes; what they ask for is done at once.
    func holdAnswers(_ count: Int, milliseconds: Int) async throws {
        try await calls.json(
            .post, "/sandbox/faults",
            [
                "target": "token", "grant_type": "refresh_token", "when": "after", "count": .integer(count),
                "delay_ms": .integer(milliseconds),
            ])
    }

    func forgetFaults() async throws {
        _ = try await calls.answer(.delete, "/sandbox/faults")
    }

    // MARK: The truth

    /// What was counted since the start or the last reset.
    struct Counters: Sendable {
        var refreshes = 0
        var refused = 0
        /// Refreshes with a token whose successor had been issued.
        var supersededUses = 0
        /// Of one login at once, at the most.
        var greatestInFlight = 0
        /// Of all at once, at the most, and now.
        var greatestRequests = 0
        var requests = 0
        /// Refreshes in each second from `histogramStart`, Unix time.
        var histogramStart = 0
        var histogram: [Int] = []

        /// Refreshes that came to an end, one way or the other.
        var settled: Int { refreshes + refused }
    }

    func counters() async throws -> Counters {
        let answer = try await calls.json(.get, "/sandbox/refreshes?bucket_seconds=1")
        func number(_ name: String) throws -> Int {
            guard let value = answer[name]?.integerValue else {
                throw ProcessError("the sandbox does not count \(name)")
            }
            return value
        }
        var counters = Counters()
        counters.refreshes = try number("refreshes")
        counters.refused = try number("refused")
        counters.supersededUses = try number("superseded_uses")
        counters.greatestInFlight = try number("max_in_flight")
        counters.greatestRequests = try number("max_token_requests_in_flight")
        counters.requests = try number("token_requests_in_flight")
        counters.histogramStart = answer["histogram"]?["first_bucket_at"]?.integerValue ?? 0
        counters.histogram = (answer["histogram"]?["counts"]?.arrayValue ?? []).compactMap(\.integerValue)
        return counters
    }

    /// Counts from zero again.
    func resetCounters() async throws {
        _ = try await calls.answer(.post, "/sandbox/refreshes/reset")
    }

    /// Whose access token this is; nil when Kick does not take it.
    func owner(of accessToken: String) async throws -> Int? {
        var calls = calls
        calls.key = accessToken
        let (status, json) = try await calls.answer(.get, "/public/v1/users")
        guard status == .ok else { return nil }
        return json["data"]?.arrayValue?.first?["user_id"]?.integerValue
    }

    /// Whether Kick gives a new pair for a refresh token. Uses it up.
    func takes(refreshToken: String) async throws -> Bool {
        guard let url = HTTPURL("\(url)/oauth/token") else { return false }
        let form: QueryItems = [
            "grant_type": "refresh_token", "client_id": Self.clientID,
            "client_secret": Self.clientSecret, "refresh_token": refreshToken,
        ]
        let request = OutboundRequest(
            .post, url, fields: [.contentType: FormURLEncoded.contentType], body: FormURLEncoded.encode(form))
        return try await calls.client.send(request, deadline: .after(.seconds(10))).status == .ok
    }
}
