import Kick
import Model

/// A moment: milliseconds of Unix time, UTC. The pure parts take it as a parameter, so that tests choose it.
package struct SandboxTime: Hashable, Comparable, Codable, Sendable {
    package let milliseconds: Int

    package init(milliseconds: Int) {
        self.milliseconds = milliseconds
    }

    /// The present moment.
    package static func now() -> SandboxTime {
        SandboxTime(milliseconds: Int(Timestamp.now().microseconds / 1000))
    }

    package static func + (time: SandboxTime, seconds: Int) -> SandboxTime {
        SandboxTime(milliseconds: time.milliseconds + seconds * 1000)
    }

    package static func < (left: SandboxTime, right: SandboxTime) -> Bool { left.milliseconds < right.milliseconds }

    /// Whole seconds of Unix time.
    package var seconds: Int { milliseconds / 1000 }

    /// RFC 3339 in UTC, whole seconds: as in Kick's headers.
    package var text: String { Timestamp(seconds: Int64(seconds)).description }

    /// The same with milliseconds: as in redemptions and gifts.
    package var textWithMilliseconds: String { text(nanoseconds: milliseconds % 1000 * 1_000_000) }

    /// The same with nine fractional digits: as in chat messages.
    package var textWithNanoseconds: String { text(nanoseconds: milliseconds % 1000 * 1_000_000 + 216_297) }

    /// How Kick writes a time that is not set (FACTS §2.1).
    package static let unsetText = "0001-01-01T00:00:00Z"

    private func text(nanoseconds: Int) -> String {
        Timestamp(seconds: Int64(seconds), nanoseconds: Int32(nanoseconds)).description
    }

    package init(from decoder: any Decoder) throws {
        milliseconds = try decoder.singleValueContainer().decode(Int.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }
}
