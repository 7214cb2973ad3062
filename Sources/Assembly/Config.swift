import Crypto
import Gateway
import HTTP
import Net
import Synchronization
import Telemetry

/// Everything that the environment decides. Made once, at start; nothing else reads the environment.
struct Config {
    /// Where the service listens.
    var listen: SocketAddress
    /// How the outside reaches it: the base of links, of the OAuth redirect, and of cookies.
    var publicURL: String
    /// Nil: a private cluster in ``dataDirectory``.
    var databaseURL: String?
    var dataDirectory: String
    /// Wrap the keys that seal stored secrets; the first one is used for new ones.
    var masterKeys: [SealingKey]
    var adminKey: Secret<String>
    /// The default app; nil when apps come through the admin routes alone.
    var app: AppCredentials?
    var kickAPI: String
    var kickID: String
    var refreshPolicy = RefreshPolicy()
    /// Not in the environment: for programs that test the gateway with a Kick that forgets within seconds.
    var subscriptionPolicy = SubscriptionPolicy()
    var upstreamPolicy = Upstream.Policy()
    var retention: Duration
    var webhookMaximumAge: Duration
    var streamLimits = StreamLimits()
    /// Requests of an API key within ``KeyRates/windowSeconds``; 0: as many as it likes.
    var keyRate: Int
    var loopCount: Int?
    /// Directory that holds `migrations/` and `openapi/`.
    var resources: String

    struct AppCredentials {
        let clientID: String
        let clientSecret: Secret<String>
    }

    /// All problems of an environment, each naming its variable and what is expected.
    struct Problems: Error, CustomStringConvertible {
        let list: [String]
        var description: String { list.joined(separator: "\n") }
    }

    var isHTTPS: Bool { publicURL.hasPrefix("https://") }

    static func read(_ environment: Environment, executable: String) throws -> Config {
        var environment = environment
        let listen = environment.value(
            "GATEWAY_LISTEN", default: SocketAddress.ipv4([127, 0, 0, 1], port: 8080),
            expected: "an address and port such as 127.0.0.1:8080", SocketAddress.init(parsing:))
        let publicURL = environment.value(
            "GATEWAY_PUBLIC_URL", default: "http://localhost:\(listen.port ?? 8080)",
            expected: "an http or https URL without a path", parseOrigin)
        let databaseURL = environment.text("DATABASE_URL")
        let dataDirectory = environment.text("GATEWAY_DATA_DIR") ?? DataDirectory.standard
        let adminKey = environment.required(
            "GATEWAY_ADMIN_KEY", "a secret of at least 24 characters, such as the output of: openssl rand -hex 32")
        if !adminKey.isEmpty, adminKey.utf8.count < 24 {
            environment.report("GATEWAY_ADMIN_KEY is too short: expected at least 24 characters")
        }
        let retention = environment.value(
            "GATEWAY_EVENT_RETENTION", default: .seconds(30 * 86_400), expected: "a time such as 30d", parseDuration)
        let maximumAge = environment.value(
            "GATEWAY_WEBHOOK_MAX_AGE", default: min(.seconds(3 * 86_400), retention), expected: "a time such as 3d",
            parseDuration)
        if maximumAge > retention {
            environment.report(
                "GATEWAY_WEBHOOK_MAX_AGE is longer than GATEWAY_EVENT_RETENTION: a message whose id is forgotten could be "
                    + "replayed")
        }
        let streamLimits = readStreamLimits(&environment)
        let keyRate = environment.value(
            "GATEWAY_KEY_RATE", default: 3000, expected: "a number from 0 to 1000000000",
            { text in Int(text).flatMap { (0...1_000_000_000).contains($0) ? $0 : nil } })
        let loopCount = environment.value(
            "GATEWAY_LOOPS", default: Int?.none, expected: "a number from 1 to 256",
            { text in Int(text).flatMap { (1...256).contains($0) ? .some($0) : nil } })
        var refreshPolicy = RefreshPolicy()
        refreshPolicy.rate = environment.value(
            "GATEWAY_REFRESH_RATE", default: refreshPolicy.rate, expected: "a number from 1 to 10000",
            { text in Double(text).flatMap { (1...10_000).contains($0) ? $0 : nil } })
        refreshPolicy.concurrency = environment.value(
            "GATEWAY_REFRESH_CONCURRENCY", default: refreshPolicy.concurrency, expected: "a number from 1 to 256",
            { text in Int(text).flatMap { (1...256).contains($0) ? $0 : nil } })
        var upstreamPolicy = Upstream.Policy()
        upstreamPolicy.rate = environment.value(
            "GATEWAY_KICK_RATE", default: upstreamPolicy.rate, expected: "a number from 1 to 100000",
            { text in Double(text).flatMap { (1...100_000).contains($0) ? $0 : nil } })
        let level = environment.value(
            "GATEWAY_LOG_LEVEL", default: LogLevel.info, expected: "debug, info, notice, warning or error",
            LogLevel.init(name:))
        let kickAPI = environment.value(
            "KICK_API_URL", default: "https://api.kick.com", expected: "an http or https URL without a path",
            parseOrigin)
        let kickID = environment.value(
            "KICK_ID_URL", default: "https://id.kick.com", expected: "an http or https URL without a path", parseOrigin)
        let resources = environment.text("GATEWAY_RESOURCES") ?? Resources.find(from: executable)
        if resources == nil {
            environment.report(
                "GATEWAY_RESOURCES is not set and no directory with migrations/ was found: expected the path of one")
        }
        let app = readApp(&environment)
        let masterKeys = readMasterKeys(&environment)
        guard environment.problems.isEmpty, let masterKeys, let resources else {
            throw Problems(list: environment.problems)
        }
        Log.threshold.store(level.rawValue, ordering: .relaxed)
        return Config(
            listen: listen, publicURL: publicURL, databaseURL: databaseURL, dataDirectory: dataDirectory,
            masterKeys: masterKeys, adminKey: Secret(adminKey), app: app, kickAPI: kickAPI, kickID: kickID,
            refreshPolicy: refreshPolicy, upstreamPolicy: upstreamPolicy, retention: retention,
            webhookMaximumAge: maximumAge,
            streamLimits: streamLimits, keyRate: keyRate, loopCount: loopCount, resources: resources)
    }

    private static func readStreamLimits(_ environment: inout Environment) -> StreamLimits {
        var limits = StreamLimits()
        func number(_ name: String, _ fallback: Int) -> Int {
            environment.value(
                name, default: fallback, expected: "a number from 1 to 1000000",
                { text in Int(text).flatMap { (1...1_000_000).contains($0) ? $0 : nil } })
        }
        limits.total = number("GATEWAY_STREAMS", limits.total)
        limits.perTenant = number("GATEWAY_STREAMS_PER_TENANT", limits.perTenant)
        limits.perKey = number("GATEWAY_STREAMS_PER_KEY", limits.perKey)
        limits.age = environment.value(
            "GATEWAY_STREAM_MAX_AGE", default: limits.age, expected: "a time such as 30m", parseDuration)
        return limits
    }

    private static func readApp(_ environment: inout Environment) -> AppCredentials? {
        switch (environment.text("KICK_CLIENT_ID"), environment.text("KICK_CLIENT_SECRET")) {
        case (nil, nil): return nil
        case (let id?, let secret?): return AppCredentials(clientID: id, clientSecret: Secret(secret))
        case (nil, _?):
            environment.report("KICK_CLIENT_ID is not set but KICK_CLIENT_SECRET is: expected both or none")
        case (_?, nil):
            environment.report("KICK_CLIENT_SECRET is not set but KICK_CLIENT_ID is: expected both or none")
        }
        return nil
    }

    private static func readMasterKeys(_ environment: inout Environment) -> [SealingKey]? {
        let text = environment.required(
            "GATEWAY_ENCRYPTION_KEYS",
            "kid:base64 of 32 bytes, such as k1:$(openssl rand -base64 32); several separated by commas, the first writes"
        )
        guard !text.isEmpty else { return nil }
        do {
            return try SealingKey.parseRing(text)
        } catch {
            environment.report("GATEWAY_ENCRYPTION_KEYS: \(error)")
            return nil
        }
    }

    /// An http(s) URL with nothing after its authority; a slash at the end is dropped.
    private static func parseOrigin(_ text: String) -> String? {
        let text = text.hasSuffix("/") ? String(text.dropLast()) : text
        guard let url = HTTPURL(text), url.path == "/" || url.path.isEmpty, url.query == nil else { return nil }
        return text
    }
}
