import Net
import ProcessKit

extension LogStage {
    /// Runs `body` `count` times, one after the other, and makes a line of the times that it took.
    ///
    /// The first ones are not counted: a connection plans each statement once.
    func row(
        _ name: String, _ title: String, unit: String, count: Int, _ body: (Int) async throws -> Void
    ) async throws -> Row {
        for index in 0..<3 { try await body(index) }
        var times = Histogram()
        let cpu = cpuNanoseconds
        for index in 0..<count {
            let start = Deadline.now()
            try await body(index)
            times.add(nanoseconds: Deadline.now().nanoseconds - start.nanoseconds)
        }
        var row = Row(name: "history-\(name)", title: title, unit: unit)
        row.operations = count
        row.cpuMicroseconds = Double(cpuNanoseconds - cpu) / 1000 / Double(count)
        row.take(times)
        row.note(longest: times)
        complain("\(row.name): \(times.spreadText)")
        return row
    }
}

extension Row {
    mutating func note(longest times: Histogram) {
        let milliseconds = Double(times.greatest) / 1e6
        details["longest_milliseconds"] = milliseconds
        notes.insert("longest \(milliseconds.shortText) ms", at: 0)
    }
}
