import Foundation
import Sandbox
import Testing

@Suite("Sandbox: OAuth as a state machine")
struct OAuthStateTests {
    var state = Samples.state()

    // MARK: Authorize

    @Test(
        "A missing authorize parameter is refused",
        arguments: [
            "client_id", "response_type", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
        ])
    func missingParameter(name: String) {
        var parameters = Samples.authorize
        parameters[name] = nil
        #expect(state.consentRequest { parameters[$0] } == nil)
    }

    @Test(
        "A wrong authorize parameter is refused",
        arguments: [
            ("client_id", "other"), ("response_type", "token"), ("redirect_uri", "http://localhost:9/cb/"),
            ("scope", "channel:update"), ("scope", ""), ("state", ""), ("code_challenge", "short"),
            ("code_challenge_method", "plain"),
        ])
    func wrongParameter(name: String, value: String) {
        let parameters = Samples.authorize.merging([name: value]) { _, new in new }
        #expect(state.consentRequest { parameters[$0] } == nil)
    }

    @Test("Only ticked scopes are granted")
    mutating func tickedScopes() throws {
        var app = Samples.app
        app.scopes = ["user:read"]
        state.register(app)
        #expect(try state.login().scopes == ["user:read"])
    }

    // MARK: Code

    @Test("A code is exchanged for the token of the user who allowed")
    mutating func exchange() throws {
        let answer = try state.login()
        #expect(answer.expiresIn == 7200)
        #expect(answer.scopes == ["user:read", "channel:read", "events:subscribe"])
        let bearer = try #require(state.bearer(of: answer.accessToken, at: Samples.now))
        #expect(bearer.userID == 1001)
        #expect(bearer.clientID == "client")
        #expect(state.bearer(of: answer.accessToken, at: Samples.now + 7199) != nil)
        #expect(state.bearer(of: answer.accessToken, at: Samples.now + 7200) == nil)
    }

    @Test("A code is good once")
    mutating func codeOnce() {
        let code = state.code()
        #expect(state.token(Samples.exchange(code: code)).refusal == nil)
        #expect(state.token(Samples.exchange(code: code)).refusal == .invalidGrant)
    }

    @Test("A code dies of age")
    mutating func codeAge() {
        let code = state.code()
        #expect(state.token(Samples.exchange(code: code), at: Samples.now + 300).refusal == .invalidGrant)
    }

    @Test(
        "A wrong verifier or redirect URI is refused and spends the code",
        arguments: [
            ("code_verifier", "another-verifier-another-verifier-another-ver"), ("code_verifier", "short"),
            ("redirect_uri", "http://localhost:9/other"),
        ])
    mutating func mismatch(name: String, value: String) {
        let right = Samples.exchange(code: state.code())
        #expect(state.token(right.merging([name: value]) { _, new in new }).refusal == .invalidGrant)
        #expect(state.token(right).refusal == .invalidGrant)
    }

    @Test(
        "Without a parameter: invalid request",
        arguments: ["grant_type", "client_id", "client_secret", "code", "redirect_uri", "code_verifier"])
    mutating func missingTokenParameter(name: String) {
        var parameters = Samples.exchange(code: state.code())
        parameters[name] = nil
        #expect(state.token(parameters).refusal == .invalidRequest)
    }

    @Test("A wrong secret or client is refused, and the code lives on", arguments: ["client_id", "client_secret"])
    mutating func wrongClient(name: String) {
        let right = Samples.exchange(code: state.code())
        #expect(state.token(right.merging([name: "wrong"]) { _, new in new }).refusal == .invalidClient)
        #expect(state.token(right).refusal == nil)
    }

    // MARK: Refresh

    /// Logs in, refreshes once, and tries the first refresh token again `seconds` after its use.
    private mutating func secondUse(of policy: TokenPolicy, after seconds: Int) throws -> OAuthRefusal? {
        let first = try state.login(policy: policy)
        let second = try state.token(Samples.refresh(first.refreshToken!), policy: policy).get()
        #expect(second.refreshToken != first.refreshToken)
        #expect(second.scopes == first.scopes)
        return state.token(Samples.refresh(first.refreshToken!), policy: policy, at: Samples.now + seconds).refusal
    }

    @Test(
        "Each refresh mode",
        arguments: [
            (RefreshMode.reusable, 0, false), (.reusable, 29 * 86400, false), (.singleUse, 0, true),
            (.singleUseWithGrace(seconds: 10), 9, false), (.singleUseWithGrace(seconds: 10), 10, true),
        ])
    mutating func refreshModes(mode: RefreshMode, seconds: Int, isRefused: Bool) throws {
        var policy = TokenPolicy()
        policy.refreshMode = mode
        #expect(try secondUse(of: policy, after: seconds) == (isRefused ? .invalidGrant : nil))
    }

    @Test(
        "A refused refresh leaves the newest token alone, unless the switch says otherwise", arguments: [false, true])
    mutating func superseded(revokes: Bool) throws {
        var policy = TokenPolicy()
        policy.refreshMode = .singleUse
        policy.supersededTokenRevokesGrant = revokes
        let first = try state.login(policy: policy)
        let second = try state.token(Samples.refresh(first.refreshToken!), policy: policy).get()
        #expect(state.token(Samples.refresh(first.refreshToken!), policy: policy).refusal == .invalidGrant)
        #expect((state.bearer(of: second.accessToken, at: Samples.now) == nil) == revokes)
        let third = state.token(Samples.refresh(second.refreshToken!), policy: policy)
        #expect(third.refusal == (revokes ? .invalidGrant : nil))
    }

    @Test("Old access tokens outlive a refresh, unless the switch says otherwise", arguments: [false, true])
    mutating func oldAccessToken(dies: Bool) throws {
        var policy = TokenPolicy()
        policy.oldAccessTokenDiesAtRefresh = dies
        let first = try state.login(policy: policy)
        let second = try state.token(Samples.refresh(first.refreshToken!), policy: policy).get()
        #expect((state.bearer(of: first.accessToken, at: Samples.now) == nil) == dies)
        #expect(state.bearer(of: second.accessToken, at: Samples.now) != nil)
    }

    @Test("A refresh token dies 30 days after its issue, or after the consent", arguments: [false, true])
    mutating func age(countsFromConsent: Bool) throws {
        var policy = TokenPolicy()
        policy.refreshAgeCountsFromConsent = countsFromConsent
        let (half, end) = (Samples.now + 15 * 86400, Samples.now + 30 * 86400)
        let first = try state.login(policy: policy)
        let second = try state.token(Samples.refresh(first.refreshToken!), policy: policy, at: half).get()
        #expect(state.token(Samples.refresh(first.refreshToken!), policy: policy, at: end).refusal == .invalidGrant)
        let third = state.token(Samples.refresh(second.refreshToken!), policy: policy, at: end)
        #expect(third.refusal == (countsFromConsent ? .invalidGrant : nil))
    }

    @Test("A refresh token belongs to its client")
    mutating func foreignClient() throws {
        var other = Samples.app
        other.clientID = "other"
        state.register(other)
        let token = try state.login().refreshToken!
        let stolen = Samples.refresh(token).merging(["client_id": "other"]) { _, new in new }
        #expect(state.token(stolen).refusal == .invalidGrant)
    }

    @Test("Thousands of refreshes do not make the state grow")
    mutating func bounded() throws {
        var policy = TokenPolicy()
        policy.accessTokenSeconds = 3
        var token = try state.login(policy: policy).refreshToken!
        for step in 1...500 {
            token = try state.token(Samples.refresh(token), policy: policy, at: Samples.now + step).get().refreshToken!
        }
        #expect(try JSONEncoder().encode(state).count < 40_000)
    }

    // MARK: App tokens, revoke, disconnect

    @Test("An app token has no refresh token, no scopes, no user")
    mutating func appToken() throws {
        let answer = try state.token(Samples.clientCredentials).get()
        #expect(answer.refreshToken == nil)
        #expect(answer.expiresIn == 5_184_000)
        let bearer = try #require(state.bearer(of: answer.accessToken, at: Samples.now))
        #expect(bearer.isApp)
        #expect(bearer.scopes.isEmpty)
    }

    @Test("Revoking an access token ends that one; revoking a refresh token ends the grant")
    mutating func revoke() throws {
        let first = try state.login()
        let second = try state.token(Samples.refresh(first.refreshToken!)).get()
        state.revoke(first.accessToken)
        #expect(state.bearer(of: first.accessToken, at: Samples.now) == nil)
        #expect(state.bearer(of: second.accessToken, at: Samples.now) != nil)
        state.revoke(first.refreshToken!)
        #expect(state.bearer(of: second.accessToken, at: Samples.now) == nil)
        #expect(state.token(Samples.refresh(second.refreshToken!)).refusal == .invalidGrant)
        state.revoke("unknown")
    }

    @Test("A disconnect ends this user's tokens and leaves the rest")
    mutating func disconnect() throws {
        let nova = try state.login()
        let pixel = try state.login(userID: 1002)
        #expect(state.disconnect(userID: 1001) == 1)
        #expect(state.bearer(of: nova.accessToken, at: Samples.now) == nil)
        #expect(state.token(Samples.refresh(nova.refreshToken!)).refusal == .invalidGrant)
        #expect(state.bearer(of: pixel.accessToken, at: Samples.now) != nil)
    }
}
