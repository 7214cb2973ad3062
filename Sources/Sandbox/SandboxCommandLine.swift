import FoundationEssentials
import Net

/// What `kick-sandbox` was asked to do.
package enum SandboxCommand: Sendable {
    case run(SandboxConfiguration)
    case help(String)
    /// Every problem that was found, each with the option's name and what is expected.
    case wrong([String])

    /// Reads arguments (without the program's name) and environment; an argument wins over its variable.
    package static func parse(arguments: [String], environment: [String: String]) -> SandboxCommand {
        var values: [String: (text: String, source: String)] = [:]
        var problems: [String] = []
        for option in Option.all {
            if let text = environment[option.variable], !text.isEmpty { values[option.name] = (text, option.variable) }
        }
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--help" || argument == "-h" { return .help(helpText) }
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            guard let option = Option.all.first(where: { "--\($0.name)" == parts.first }) else {
                problems.append("\(argument): unknown; --help lists the options")
                continue
            }
            if let text = parts.count == 2 ? parts[1] : option.isFlag ? "true" : rest.popFirst() {
                values[option.name] = (text, "--\(option.name)")
            } else {
                problems.append("--\(option.name): expected \(option.expected)")
            }
        }
        var configuration = SandboxConfiguration()
        for option in Option.all {
            guard let (text, source) = values[option.name] else { continue }
            if !option.apply(text, &configuration) { problems.append("\(source): expected \(option.expected)") }
        }
        if problems.isEmpty {
            do { try configuration.validate() } catch { problems.append(error.description) }
        }
        return problems.isEmpty ? .run(configuration) : .wrong(problems)
    }

    private static var helpText: String {
        var text = """
            kick-sandbox: a stand-in for Kick on one port, for development and tests: OAuth with a consent page, the
            public API, and signed webhooks. It is no authority: whoever reaches it can log in as anybody.

            Prints one line when it is ready: {"ready":true,"url":"http://127.0.0.1:8090"}
            Page and control API: / and /sandbox/ below that URL.

            Options (each also as an environment variable; the option wins):

            """
        for option in Option.all {
            let head = "  --\(option.name)\(option.isFlag ? "" : " \(option.placeholder)")"
            text += "\(head)\n      \(option.help) [\(option.variable)]\n"
        }
        return text
    }
}

/// One option: how it is written, and what it does to a configuration.
private struct Option: Sendable {
    let name: String
    let placeholder: String
    let expected: String
    let help: String
    /// False when the text is not as expected.
    let apply: @Sendable (String, inout SandboxConfiguration) -> Bool

    var isFlag: Bool { placeholder.isEmpty }
    var variable: String { "SANDBOX_" + name.uppercased().replacing("-", with: "_") }

    static let all: [Option] = [
        Option("listen", "HOST:PORT", "an address as 127.0.0.1:8090", "Where to listen; port 0 takes a free one.") {
            guard let address = SocketAddress(parsing: $0) else { return false }
            $1.listenAddress = address
            return true
        },
        Option("allow-remote", "", "true or false", "Allows an address that is not loopback.") {
            flag($0, &$1.allowsRemote)
        },
        Option("state", "FILE", "a path", "Keeps tokens, keys and subscriptions there (mode 0600).") {
            $1.statePath = $0
            return true
        },
        Option(
            "record-secrets", "FILE", "a path",
            "Appends every secret issued or told, one a line, for tests that look for leaks (mode 0600)."
        ) {
            $1.secretsPath = $0
            return true
        },
        Option("client-id", "TEXT", "a text", "The app's client id; default sandbox-client.") {
            $1.app.clientID = $0
            return true
        },
        Option("client-secret", "TEXT", "a text", "Its secret; default sandbox-secret.") {
            $1.app.clientSecret = $0
            return true
        },
        Option("redirect-uri", "URL[,URL]", "one or more URLs", "Its redirect URIs, to be matched exactly.") {
            $1.app.redirectURIs = $0.split(separator: ",").map(String.init)
            return !$1.app.redirectURIs.isEmpty
        },
        Option("webhook-url", "URL", "an http or https URL", "Where its webhooks go; none: webhooks are off.") {
            $1.app.webhookURL = $0 == "none" ? nil : $0
            return $0 == "none" || $0.hasPrefix("http://") || $0.hasPrefix("https://")
        },
        Option("drops-webhook-url", "URL", "an http or https URL", "Where its Drops claims go; default nowhere.") {
            $1.app.dropsWebhookURL = $0
            return $0.hasPrefix("http://") || $0.hasPrefix("https://")
        },
        Option(
            "refresh-mode", "MODE", "reusable, single_use or single_use_with_grace(SECONDS)",
            "What a used refresh token is good for; default reusable."
        ) {
            guard let mode = RefreshMode($0) else { return false }
            $1.tokens.refreshMode = mode
            return true
        },
        Option("access-token-seconds", "N", "1 to 31536000", "Life of a user access token; default 7200.") {
            number($0, in: 1...31_536_000, &$1.tokens.accessTokenSeconds)
        },
        Option("app-token-seconds", "N", "1 to 31536000", "Life of an app access token; default 5184000.") {
            number($0, in: 1...31_536_000, &$1.tokens.appTokenSeconds)
        },
        Option("refresh-token-seconds", "N", "1 to 31536000", "Age at which a refresh token dies; default 2592000.") {
            number($0, in: 1...31_536_000, &$1.tokens.refreshTokenSeconds)
        },
        Option(
            "superseded-revokes-grant", "", "true or false",
            "Using a refresh token that has no more uses ends the whole grant."
        ) { flag($0, &$1.tokens.supersededTokenRevokesGrant) },
        Option("old-access-token-dies", "", "true or false", "A refresh ends the older access tokens.") {
            flag($0, &$1.tokens.oldAccessTokenDiesAtRefresh)
        },
        Option("duplicate-subscriptions", "", "true or false", "Subscribing twice makes two subscriptions.") {
            flag($0, &$1.subscriptions.allowsDuplicates)
        },
        Option("webhook-attempts", "N", "1 to 1000", "Tries for each webhook; default 5.") {
            number($0, in: 1...1000, &$1.delivery.attempts)
        },
        Option("webhook-backoff-ms", "N", "1 to 60000", "Pause before the second try, then doubled; default 500.") {
            number($0, in: 1...60_000, &$1.delivery.firstBackoffMilliseconds)
        },
        Option("webhook-timeout-ms", "N", "1 to 60000", "Time for one try; default 5000.") {
            number($0, in: 1...60_000, &$1.delivery.timeoutMilliseconds)
        },
        Option("demo", "EVENTS_PER_SECOND", "0 to 1000", "Live demo traffic for subscribed broadcasters; default 0.") {
            guard let rate = Double($0), (0...DemoTraffic.maximumRate).contains(rate) else { return false }
            $1.demoEventsPerSecond = rate
            return true
        },
        Option(
            "users", "FILE", "a JSON file as [{\"id\":1001,\"username\":\"nova\"}]",
            "The accounts, instead of nova and pixel."
        ) {
            guard let users = readUsers($0) else { return false }
            $1.users = users
            return true
        },
    ]

    init(
        _ name: String, _ placeholder: String, _ expected: String, _ help: String,
        apply: @escaping @Sendable (String, inout SandboxConfiguration) -> Bool
    ) {
        self.name = name
        self.placeholder = placeholder
        self.expected = expected
        self.help = help
        self.apply = apply
    }

    private static func flag(_ text: String, _ value: inout Bool) -> Bool {
        guard let parsed = Bool(text) else { return false }
        value = parsed
        return true
    }

    private static func number(_ text: String, in bounds: ClosedRange<Int>, _ value: inout Int) -> Bool {
        guard let parsed = Int(text), bounds.contains(parsed) else { return false }
        value = parsed
        return true
    }

    private static func readUsers(_ path: String) -> [SandboxUser]? {
        guard let data = try? Data(contentsOf: URL(filePath: path)),
            let entries = JSON(parsing: Array(data))?.arrayValue
        else { return nil }
        let users = entries.compactMap { try? SandboxUser.parse($0).get() }
        return users.count == entries.count ? users : nil
    }
}
