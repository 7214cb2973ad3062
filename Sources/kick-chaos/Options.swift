import Gateway
import Sandbox

/// What is put to the test.
enum Scenario: String, CaseIterable, Sendable {
    case killMatrix = "kill-matrix"
    case replicas
    case herd
    case rotateKeys = "rotate-keys"
    case outage
    case ledger
    case duplicates
    case databaseStop = "database-stop"
    case reconcile
}

/// What the command line asks for.
struct Options: Sendable {
    var scenario = Scenario.killMatrix
    /// How often: processes killed in a cell of the matrix, refreshes in each part of the outage, rotations.
    var times: Int?
    /// Cells at once.
    var parallel = 3
    var only: KillPoint?
    var mode: RefreshMode?
    var replicas: Int?
    var logins: Int?
    var tokenSeconds = 5
    var minutes = 10.0
    /// `GATEWAY_REFRESH_RATE` where the shipped one is not enough; webhooks per second where there are webhooks.
    var rate: Int?
    var refreshRate: Int { rate ?? 10_000 }
    var seconds: Double?
    var tenants: Int?
    var readers: Int?
    /// Where the result goes as Markdown.
    var outPath: String?
    /// The file that gets it between the lines `<!-- NAME -->` and `<!-- /NAME -->`.
    var intoPath: String?
    /// Where databases and logs lie meanwhile. A real disk, or fsync costs nothing.
    var directory = "/var/tmp"
    /// Leaves the logs there.
    var keepsLogs = false

    static let usage = """
        usage: kick-chaos <scenario> [options]

        Ends gateways and databases at the worst moments and looks what becomes of the logins. Starts everything itself:
        a PostgreSQL, the stand-in for Kick, gateways. Exit code 0 only when every promise was kept.

          kill-matrix     a gateway is killed at every step of a refresh, in every mode of Kick's refresh tokens
            --times N       processes for each step and mode [20]
            --only STEP     \(KillPoint.allCases.map(\.rawValue).joined(separator: ", "))
            --mode MODE     reusable, single_use, single_use_with_grace(SECONDS)
            --parallel N    cells at once [3]
          replicas        several gateways, short tokens, replicas killed, PostgreSQL restarted
            --replicas N    [4]
            --logins N      [2000]
            --token-seconds N  life of an access token [5]
            --minutes N     [10]
            --rate N        GATEWAY_REFRESH_RATE of each [10000]
          herd            many logins due in the same second, and what becomes of them in the next cycle
            --logins N      [10000]
            --rate N        the lifted rate [10000]
          rotate-keys     the key at rest is rotated while logins refresh
            --replicas N    [2]
            --logins N      [2000]
            --token-seconds N  [5]
            --times N       rotations [3]
          outage          PostgreSQL ends while Kick answers; a caller hangs up in the middle of a refresh
            --times N       rounds of each [5]
          ledger          webhooks at a rate, readers that come and go, replicas and PostgreSQL killed meanwhile
            --seconds N     [600]
            --rate N        webhooks per second [1000]
            --replicas N    [3]
            --tenants N     [200]
            --readers N     [2000]
          duplicates      every delivery 50 times at the same moment, and the same fact under two message ids
            --times N       facts, a multiple of 4 [500]
            --replicas N    [3]
          database-stop   PostgreSQL is away under load: stopped, and then frozen
            --seconds N     each time so long [60]
            --rate N        webhooks per second [1000]
            --replicas N    [1]
            --tenants N     [20]
            --readers N     [200]
          reconcile       what Kick does with subscriptions on its bad days
            --logins N      broadcasters [50]
            --replicas N    [2]

          --out FILE      also write the result there
          --into FILE     also put it between the lines <!-- SCENARIO --> and <!-- /SCENARIO --> of that file
          --directory DIR where databases and logs lie meanwhile [/var/tmp]
          --keep-logs     leave the logs there
          --help          print this

        """

    /// The command line without what does not change the result.
    var command: String {
        var words = ["kick-chaos"]
        var rest = CommandLine.arguments.dropFirst()
        while let word = rest.popFirst() {
            switch word {
            case "--out", "--into", "--directory": _ = rest.popFirst()
            case "--keep-logs": break
            default: words.append(word)
            }
        }
        return words.joined(separator: " ")
    }

    enum Parsed {
        case run(Options)
        case help
        /// What is wrong.
        case wrong(String)
    }

    /// - Parameter arguments: without the program's name.
    static func parse(_ arguments: [String]) -> Parsed {
        var options = Options()
        var rest = arguments[...]
        guard let word = rest.popFirst() else { return .wrong("name a scenario") }
        if ["--help", "-h", "help"].contains(word) { return .help }
        guard let scenario = Scenario(rawValue: word) else { return .wrong("there is no scenario '\(word)'") }
        options.scenario = scenario
        while let name = rest.popFirst() {
            switch name {
            case "--help", "-h": return .help
            case "--keep-logs": options.keepsLogs = true
            default:
                guard let set = setters[name] else { return .wrong("there is no option '\(name)'") }
                guard let value = rest.popFirst(), set(&options, value) else {
                    return .wrong("\(name) needs a value that fits")
                }
            }
        }
        return .run(options)
    }

    private static let setters: [String: @Sendable (inout Options, String) -> Bool] = [
        "--times": {
            $0.times = number($1, 1...10_000); return $0.times != nil
        },
        "--parallel": { options, text in number(text, 1...16).map { options.parallel = $0 } != nil },
        "--only": {
            $0.only = KillPoint(rawValue: $1); return $0.only != nil
        },
        "--mode": {
            $0.mode = RefreshMode($1); return $0.mode != nil
        },
        "--replicas": {
            $0.replicas = number($1, 1...16); return $0.replicas != nil
        },
        "--logins": {
            $0.logins = number($1, 1...20_000); return $0.logins != nil
        },
        "--token-seconds": { options, text in number(text, 2...86_400).map { options.tokenSeconds = $0 } != nil },
        "--minutes": { options, text in
            Double(text).flatMap { (0.1...600).contains($0) ? $0 : nil }.map { options.minutes = $0 } != nil
        },
        "--rate": {
            $0.rate = number($1, 1...10_000); return $0.rate != nil
        },
        "--seconds": {
            $0.seconds = Double($1).flatMap { (5...36_000).contains($0) ? $0 : nil }; return $0.seconds != nil
        },
        "--tenants": {
            $0.tenants = number($1, 1...2000); return $0.tenants != nil
        },
        "--readers": {
            $0.readers = number($1, 1...10_000); return $0.readers != nil
        },
        "--out": {
            $0.outPath = $1; return !$1.isEmpty
        },
        "--into": {
            $0.intoPath = $1; return !$1.isEmpty
        },
        "--directory": {
            $0.directory = $1; return !$1.isEmpty
        },
    ]

    private static func number(_ text: String, _ bounds: ClosedRange<Int>) -> Int? {
        Int(text).flatMap { bounds.contains($0) ? $0 : nil }
    }
}
