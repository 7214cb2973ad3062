import Crypto
import Foundation
import HTTP
import Sandbox

/// What several suites need.
enum Samples {
    /// One key for all tests that do not care: making one takes long.
    static let key = try! PrivateKey.generate(.rsaPKCS1SHA256)

    static let app = RegisteredApp(
        clientID: "client", clientSecret: "secret", redirectURIs: ["http://localhost:9/cb"],
        webhookURL: "http://127.0.0.1:9/hook")

    static let nova = SandboxUser(id: 1001, username: "nova")
    static let pixel = SandboxUser(id: 1002, username: "pixel")

    static func state(app: RegisteredApp = app) -> SandboxState {
        SandboxState(signingKeyPEM: key.revealPEM(), apps: [app], users: [nova, pixel])
    }

    /// 2026-09-30T12:00:00Z
    static let now = SandboxTime(milliseconds: 1_790_769_600_123)

    static let verifier = "verifier-verifier-verifier-verifier-verifier"

    /// The parameters of a correct authorize request.
    static var authorize: [String: String] {
        [
            "client_id": "client", "response_type": "code", "redirect_uri": "http://localhost:9/cb",
            "scope": "user:read channel:read events:subscribe", "state": "xyz", "code_challenge_method": "S256",
            "code_challenge": Base64URL.encode(SHA256.hash(verifier)),
        ]
    }

    static func exchange(code: String) -> [String: String] {
        [
            "grant_type": "authorization_code", "client_id": "client", "client_secret": "secret", "code": code,
            "redirect_uri": "http://localhost:9/cb", "code_verifier": verifier,
        ]
    }

    static func refresh(_ token: String) -> [String: String] {
        ["grant_type": "refresh_token", "client_id": "client", "client_secret": "secret", "refresh_token": token]
    }

    static let clientCredentials = [
        "grant_type": "client_credentials", "client_id": "client", "client_secret": "secret",
    ]

    /// A file name that no other test has; nothing is there yet.
    static func temporaryPath() -> String {
        FileManager.default.temporaryDirectory.appending(path: "sandbox-\(UUID().uuidString).json").path()
    }
}

extension SandboxState {
    /// A code for nova.
    mutating func code(
        _ changes: [String: String] = [:], policy: TokenPolicy = TokenPolicy(), userID: Int = 1001,
        at now: SandboxTime = Samples.now
    ) -> String {
        let parameters = Samples.authorize.merging(changes) { _, new in new }
        return allow(consentRequest { parameters[$0] }!, userID: userID, policy: policy, at: now)!
    }

    mutating func token(
        _ parameters: [String: String], policy: TokenPolicy = TokenPolicy(), at now: SandboxTime = Samples.now
    ) -> Result<IssuedTokens, OAuthRefusal> {
        token(parameter: { parameters[$0] }, policy: policy, at: now)
    }

    /// Consent and exchange.
    mutating func login(
        scope: String? = nil, policy: TokenPolicy = TokenPolicy(), userID: Int = 1001, at now: SandboxTime = Samples.now
    ) throws -> IssuedTokens {
        let code = code(scope.map { ["scope": $0] } ?? [:], policy: policy, userID: userID, at: now)
        return try token(Samples.exchange(code: code), policy: policy, at: now).get()
    }

    mutating func appToken() throws -> String {
        try token(Samples.clientCredentials).get().accessToken
    }

    mutating func bearer(scope: String? = nil, userID: Int = 1001) throws -> Bearer {
        let token = try login(scope: scope, userID: userID).accessToken
        return bearer(of: token, at: Samples.now)!
    }

    mutating func appBearer() throws -> Bearer {
        let token = try appToken()
        return bearer(of: token, at: Samples.now)!
    }
}

extension Result where Failure == OAuthRefusal {
    var refusal: OAuthRefusal? { if case .failure(let refusal) = self { refusal } else { nil } }
}
