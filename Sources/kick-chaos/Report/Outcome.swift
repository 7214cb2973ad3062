/// What a scenario found: tables, figures, and which promises held.
struct Outcome: Sendable {
    struct Table: Sendable {
        /// Above the table; nil for none.
        var title: String?
        /// Names of the columns; a number's begins with `#`.
        var columns: [String]
        var rows: [[String]] = []

        init(_ title: String? = nil, columns: [String]) {
            self.title = title
            self.columns = columns
        }
    }

    /// Machine, date and command.
    var head: [String] = []
    var tables: [Table] = []
    /// Sentences about what the figures mean.
    var notes: [String] = []
    private var promises: [(text: String, isKept: Bool)] = []

    /// Whether every promise held, and there was one.
    var isGood: Bool { !promises.isEmpty && promises.allSatisfy(\.isKept) }

    /// - Parameter broken: what to add when it does not hold.
    mutating func expect(_ holds: Bool, _ text: String, broken: String = "") {
        promises.append((holds || broken.isEmpty ? text : "\(text): \(broken)", holds))
        if !holds { say("BROKEN: \(text) \(broken)") }
    }

    var markdown: String {
        var blocks = [head.joined(separator: "\n")]
        for table in tables {
            if let title = table.title { blocks.append("**\(title)**") }
            let names = table.columns.map { $0.hasPrefix("#") ? String($0.dropFirst()) : $0 }
            var lines = [line(names), line(table.columns.map { $0.hasPrefix("#") ? "--:" : "---" })]
            lines += table.rows.map(line)
            blocks.append(lines.joined(separator: "\n"))
        }
        if !notes.isEmpty { blocks.append(notes.joined(separator: "\n\n")) }
        blocks.append(
            promises.map { "- \($0.isKept ? "kept" : "**BROKEN**"): \($0.text)" }.joined(separator: "\n"))
        return blocks.joined(separator: "\n\n")
    }

    private func line(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }
}
