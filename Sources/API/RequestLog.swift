import HTTP
import HTTPServer
import Net
import Telemetry

/// One line per request, at debug for those that went well: the route's pattern, never the address with what was in it.
/// A 503 is no failure of the request: what is away is said once, not by each of the thousands that come meanwhile.
enum RequestLog {
    private static let report = Log("request")

    static func start() -> Deadline { .now() }

    static func write(_ request: Request, _ response: Response, route: String, since start: Deadline) {
        if response.status.isServerError, response.status != .serviceUnavailable {
            report.warning("request", fields(request, response, route, start))
        } else {
            report.debug("request", fields(request, response, route, start))
        }
    }

    private static func fields(
        _ request: Request, _ response: Response, _ route: String, _ start: Deadline
    ) -> KeyValuePairs<String, LogValue> {
        let microseconds = Int(Deadline.now().nanoseconds - start.nanoseconds) / 1000
        return [
            "request_id": .string(request.id.description), "method": .string(request.method.rawValue),
            "route": .string(route), "status": .int(Int(response.status.code)), "microseconds": .int(microseconds),
        ]
    }
}
