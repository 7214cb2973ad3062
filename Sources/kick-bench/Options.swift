/// What the command line asks for.
struct Options: Sendable {
    /// Rows of about two seconds instead of eight.
    var isQuick = false
    /// Beginnings of row names; empty: every row.
    var only: [String] = []
    /// Where the figures go as JSON.
    var jsonPath: String?
    /// Where the databases lie while the benchmark runs. A real disk, or fsync costs nothing.
    var directory = "/var/tmp"
    /// Events in the log of the rows `history`.
    var events = 10_000_000

    /// Length of a timed part.
    var seconds: Double { isQuick ? 2 : 8 }

    static let usage = """
        usage: kick-bench [options]

        Starts the kick-gateway that lies beside this program, with a PostgreSQL of its own, puts load on it and prints
        what that costs. Run it on a quiet machine and from a release build: make bench

          --quick         about 2 seconds for each row instead of 8
          --only NAME     this row (or all whose names begin so); may be given several times
          --json FILE     also write the figures as JSON
          --directory DIR where the databases lie meanwhile [/var/tmp]
          --events NUMBER events in the log of the rows 'history' [10000000]; they need 1.3 KiB of disk each
          --help          print this

        Without --only: all rows but history, which takes a quarter of an hour.

        rows: \(RowName.allCases.map(\.rawValue).joined(separator: ", "))

        """

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
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h": return .help
            case "--quick": options.isQuick = true
            case "--only", "--json", "--directory", "--events":
                guard let value = rest.popFirst(), !value.isEmpty else { return .wrong("\(argument) needs a value") }
                switch argument {
                case "--json": options.jsonPath = value
                case "--directory": options.directory = value
                case "--events":
                    guard let events = Int(value), events >= 10_000 else {
                        return .wrong("--events needs a number from 10000")
                    }
                    options.events = events
                default:
                    guard RowName.allCases.contains(where: { $0.rawValue.hasPrefix(value) }) else {
                        return .wrong("there is no row '\(value)'")
                    }
                    options.only.append(value)
                }
            default: return .wrong("there is no option '\(argument)'")
            }
        }
        return .run(options)
    }

    func wants(_ row: RowName) -> Bool {
        only.isEmpty && row != .history || only.contains { row.rawValue.hasPrefix($0) }
    }
}
