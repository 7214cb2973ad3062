import Glibc
package import Synchronization

/// Severity of a log line, least first.
package enum LogLevel: Int, Sendable, Comparable, CaseIterable, CustomStringConvertible {
    case debug, info, notice, warning, error

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }

    /// The level of that name (`debug` … `error`), or nil.
    package init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.description == name }) else { return nil }
        self = level
    }

    package var description: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .notice: "notice"
        case .warning: "warning"
        case .error: "error"
        }
    }
}

/// A log of structured lines: one JSON object a line on standard error.
///
/// The message is a `StaticString`, so that nothing a stranger sent can be formatted into it; what varies goes into
/// fields, whose values are escaped.
package struct Log: Sendable {
    /// Lines below this level are dropped, for the whole process. Default `info`.
    package static let threshold = Atomic<Int>(LogLevel.info.rawValue)

    private let label: String

    /// - Parameter label: the part of the program that speaks, such as `ingest`.
    package init(_ label: String) {
        self.label = label
    }

    /// - Parameter fields: made only when the line is written.
    package func debug(_ message: StaticString, _ fields: @autoclosure () -> KeyValuePairs<String, LogValue> = [:]) {
        guard Self.writes(.debug) else { return }
        write(.debug, message, fields())
    }

    package func info(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.info, message, fields)
    }

    package func notice(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.notice, message, fields)
    }

    package func warning(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.warning, message, fields)
    }

    package func error(_ message: StaticString, _ fields: KeyValuePairs<String, LogValue> = [:]) {
        write(.error, message, fields)
    }

    private func write(_ level: LogLevel, _ message: StaticString, _ fields: KeyValuePairs<String, LogValue>) {
        guard Self.writes(level) else { return }
        let line = Self.line(level: level, label: label, message: message, fields: fields, time: .now())
        LogSink.standardError.write(line)
    }

    private static func writes(_ level: LogLevel) -> Bool {
        level.rawValue >= threshold.load(ordering: .relaxed)
    }

    /// The line as it is written, without its newline.
    package static func line(
        level: LogLevel, label: String, message: StaticString, fields: KeyValuePairs<String, LogValue>, time: LogTime
    ) -> String {
        var line = "{\"time\":\"\(time.text)\",\"level\":\"\(level)\",\"part\":"
        line.appendJSONString(label)
        line += ",\"message\":"
        line.appendJSONString(message.description)
        for (name, value) in fields {
            line += ","
            line.appendJSONString(name)
            line += ":"
            value.appendJSON(to: &line)
        }
        return line + "}"
    }
}

/// A point in time for log lines: microseconds since 1970, UTC.
package struct LogTime: Sendable {
    let seconds: Int
    let microseconds: Int

    package init(seconds: Int, microseconds: Int) {
        self.seconds = seconds
        self.microseconds = microseconds
    }

    static func now() -> LogTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return LogTime(seconds: time.tv_sec, microseconds: time.tv_nsec / 1000)
    }

    /// RFC 3339 with six fraction digits.
    var text: String {
        var parts = unsafe tm()
        var seconds = seconds
        unsafe gmtime_r(&seconds, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : String(value) }
        let fraction = String(microseconds)
        let date = unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        let clock = unsafe "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return "\(date)T\(clock).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)Z"
    }
}

/// Where lines go. One lock, one `write(2)` a line, so that lines of several threads never mix.
private final class LogSink: Sendable {
    static let standardError = LogSink(descriptor: 2)

    private let descriptor: Int32
    private let lock = Mutex<Void>(())

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    func write(_ line: String) {
        var line = line + "\n"
        line.withUTF8 { bytes in
            lock.withLock { _ in
                var rest = UnsafeRawBufferPointer(bytes)
                while unsafe !rest.isEmpty {
                    let count = unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
                    if count < 0 && errno == EINTR { continue }
                    if count <= 0 { return }
                    unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                }
            }
        }
    }
}
