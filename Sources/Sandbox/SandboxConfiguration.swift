package import Net

/// How a sandbox runs. Everything has a default that works on a developer's machine.
package struct SandboxConfiguration: Sendable {
    /// Port 0: the kernel chooses.
    package var listenAddress = SocketAddress.ipv4([127, 0, 0, 1], port: 8090)
    /// Lets ``listenAddress`` be other than loopback. The sandbox hands out tokens to whoever asks.
    package var allowsRemote = false
    /// Where the state survives; nil: nowhere.
    package var statePath: String?
    /// Where every secret is written in the clear, for tests that look for leaks; nil: nowhere.
    package var secretsPath: String?
    /// The key that signs webhooks, as a PKCS#8 PEM, for a state that does not have one yet; nil makes one, which takes
    /// some hundred milliseconds.
    package var signingKeyPEM: String?
    /// Registered at the start; more can be registered later. It replaces what the state file says about that client.
    package var app = RegisteredApp(
        clientID: "sandbox-client", clientSecret: "sandbox-secret",
        redirectURIs: ["http://localhost:8080/auth/kick/callback"],
        webhookURL: "http://127.0.0.1:8080/webhooks/kick")
    /// Registered at the start, unless the state file knows them already.
    package var users = [SandboxUser(id: 1001, username: "nova"), SandboxUser(id: 1002, username: "pixel")]
    /// Gives ``users`` rewards, a redemption that waits, gifts, a claim: something to see.
    package var hasDemoContent = true
    package var tokens = TokenPolicy()
    package var api = APIPolicy()
    package var subscriptions = SubscriptionPolicy()
    package var delivery = DeliveryPolicy()
    /// Rate of the demo traffic at the start; 0: none.
    package var demoEventsPerSecond = 0.0

    package init() {}

    /// Throws a ``SandboxError/configuration(reason:)`` that names what is wrong.
    package func validate() throws(SandboxError) {
        guard allowsRemote || listenAddress.isLoopback else {
            throw .configuration(
                reason: "\(listenAddress) is not a loopback address: whoever reaches the sandbox is let in as "
                    + "anybody; --allow-remote if you mean it")
        }
        guard !app.clientID.isEmpty, !app.clientSecret.isEmpty, !app.redirectURIs.isEmpty else {
            throw .configuration(reason: "the app needs a client id, a client secret and a redirect URI")
        }
        guard (0...DemoTraffic.maximumRate).contains(demoEventsPerSecond) else {
            throw .configuration(reason: "demo: expected 0 to \(Int(DemoTraffic.maximumRate)) events per second")
        }
    }
}

/// How webhooks are delivered. Kick's own figures are not known (FACTS §4.4).
package struct DeliveryPolicy: Sendable {
    /// Tries in all, the first included: 1 to 1000.
    package var attempts = 5
    /// Time for one try, in milliseconds.
    package var timeoutMilliseconds = 5000
    /// Pause before the second try, in milliseconds; it doubles from try to try, up to the maximum.
    package var firstBackoffMilliseconds = 500
    package var maximumBackoffMilliseconds = 30_000

    package init() {}

    /// The pause before try number `attempt`, from 2.
    func backoffMilliseconds(beforeAttempt attempt: Int) -> Int {
        min(maximumBackoffMilliseconds, firstBackoffMilliseconds << min(attempt - 2, 20))
    }
}

extension SocketAddress {
    fileprivate var isLoopback: Bool {
        switch self {
        case .ipv4(let bytes, _): bytes.first == 127
        case .ipv6(let bytes, _): bytes.dropLast().allSatisfy { $0 == 0 } && bytes.last == 1
        case .unix: true
        }
    }
}

extension SandboxUser {
    /// Reads `{"id":1003,"username":"comet","slug":"comet","email":"…","profile_picture":"…","is_verified":true}`;
    /// id and username are required.
    package static func parse(_ json: JSON) -> Result<SandboxUser, SandboxError> {
        guard let id = json["id"]?.integerValue, id > 0, let username = json["username"]?.stringValue,
            (1...25).contains(username.count)
        else {
            return .failure(
                .configuration(reason: "a user needs an id (above 0) and a username (1 to 25 characters)"))
        }
        var user = SandboxUser(
            id: id, username: username, slug: json["slug"]?.stringValue,
            isVerified: json["is_verified"]?.boolValue ?? true)
        if let email = json["email"]?.stringValue { user.email = email }
        if let picture = json["profile_picture"]?.stringValue { user.profilePicture = picture }
        return .success(user)
    }
}
