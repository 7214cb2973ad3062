import FoundationEssentials
import Glibc

/// Reads settings from environment variables, each also as `NAME_FILE` (a path whose content is the value), and
/// collects what is wrong with them, so that all of it is said at once.
struct Environment {
    private let variables: [String: String]
    private(set) var problems: [String] = []

    init(_ variables: [String: String]) {
        self.variables = variables
    }

    /// The variables of this process.
    static func ofProcess() -> Environment {
        Environment(ProcessInfo.processInfo.environment)
    }

    /// The value, or nil when neither the variable nor its `_FILE` is set (or it is empty).
    mutating func text(_ name: String) -> String? {
        let direct = variables[name].flatMap { $0.isEmpty ? nil : $0 }
        guard let path = variables[name + "_FILE"], !path.isEmpty else { return direct }
        if direct != nil {
            problems.append("\(name) and \(name)_FILE are both set: set one of them")
            return direct
        }
        do {
            let content = try String(contentsOfFile: path, encoding: .utf8)
            return content.trimmed
        } catch {
            problems.append("\(name)_FILE: cannot read \(path)")
            return nil
        }
    }

    /// The value, or a problem that says what is expected.
    mutating func required(_ name: String, _ expected: String) -> String {
        if let value = text(name) { return value }
        problems.append("\(name) is not set: expected \(expected)")
        return ""
    }

    /// The value as `parse` reads it, or the default when it is not set.
    mutating func value<Value>(
        _ name: String, default fallback: Value, expected: String, _ parse: (String) -> Value?
    ) -> Value {
        guard let text = text(name) else { return fallback }
        if let value = parse(text) { return value }
        problems.append("\(name) is '\(text)': expected \(expected)")
        return fallback
    }

    mutating func report(_ problem: String) {
        problems.append(problem)
    }
}

extension String {
    /// Without white space and newlines at both ends.
    var trimmed: String {
        var text = Substring(self)
        while let last = text.last, last.isWhitespace { text.removeLast() }
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        return String(text)
    }
}

/// Reads a length of time: a whole number and one of `s`, `m`, `h`, `d`. Nil for anything else, and above 100 years.
func parseDuration(_ text: String) -> Duration? {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()), number > 0,
        number <= 36_525 * 86_400 / unit
    else { return nil }
    return .seconds(number * unit)
}
