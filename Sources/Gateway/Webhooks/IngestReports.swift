import Model
import Store
import Telemetry

/// What the log is told of webhooks that came to nothing: each kind at once, and then once a minute how many there were.
struct IngestReports: Sendable {
    private static let log = Log("webhooks")

    private let unwanted = ReportDigest { kind, example, count in
        log.info(
            "webhooks that nobody wants",
            ["kind": .string(kind), "message_id": .string(example), "count": .int(count)])
    }
    private let refused = ReportDigest { kind, example, count in
        log.warning("webhooks were refused", ["reason": .string(kind), "from": .string(example), "count": .int(count)])
    }
    private let notStored = ReportDigest { kind, example, count in
        log.error(
            "webhooks were not stored", ["kind": .string(kind), "error": .string(example), "count": .int(count)])
    }
    private let ownerless = ReportDigest { kind, example, count in
        log.warning(
            """
            Drops claims are refused: they belong to an app, and get to a tenant only when exactly one tenant uses the app. \
            Give the tenant that runs the campaign an app of its own
            """, ["app": .string(kind), "message_id": .string(example), "count": .int(count)])
    }

    func unwanted(_ event: IncomingEvent, _ reason: UnwantedReason) {
        if reason == .noSingleTenant {
            ownerless.note(event.app.text, example: event.messageID)
        } else {
            unwanted(event.type, reason, messageID: event.messageID)
        }
    }

    func unwanted(_ type: String, _ reason: UnwantedReason, messageID: String) {
        unwanted.note("\(type) \(reason.rawValue)", example: messageID)
    }

    /// - Parameter host: who sent it.
    func refused(_ reason: String, from host: String) {
        refused.note(reason, example: host)
    }

    func notStored(_ count: Int, _ error: any Error) {
        notStored.note("commit", example: "\(error)", count: count)
    }

    func turnedAway(_ message: String) {
        notStored.note("queue", example: message)
    }
}
