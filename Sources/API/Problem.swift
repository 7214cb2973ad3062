import HTTP
import HTTPServer
import Kick
import Model
import Telemetry

/// The one place where an error becomes an answer (RFC 9457).
enum Problem {
    private static let report = Log("api")

    /// The answer to an error that a handler threw. What is not made for callers is logged, and they learn only that it
    /// happened.
    static func response(to error: any Error, request: Request, route: String) -> Response {
        switch error {
        case let error as GatewayError: return response(to: error, request: request)
        case let error as KickBoundError:
            return response(to: GatewayError(.invalid, error.message, field: error.field), request: request)
        case let error as RequestError:
            var response = Response.problem(error.status, detail: error.description, requestID: request.id)
            response.closesConnection = error.status != .notFound && error != .malformedQuery
            return response
        case let error as any Unavailability where error.isUnavailable:
            return response(
                to: GatewayError(.unavailable, "the database is not available", retryAfter: 5), request: request)
        default:
            report.error(
                "a request failed",
                [
                    "route": .string(route), "request_id": .string(request.id.description),
                    "error": .string(String(reflecting: error)),
                ])
            return response(to: GatewayError(.internal, "something went wrong here"), request: request)
        }
    }

    static func response(to error: GatewayError, request: Request) -> Response {
        let detail = error.field.map { "\($0): \(error.message)" } ?? error.message
        var response = Response.problem(
            status(error.code), code: error.code.rawValue, detail: detail, requestID: request.id,
            extensions: extensions(of: error))
        if let seconds = error.retryAfter { response.fields.append(.retryAfter, FieldValue(seconds)) }
        if error.code == .unauthenticated {
            // RFC 6750 §3: a 401 says how to do it.
            response.fields.append(.wwwAuthenticate, #"Bearer realm="kick-gateway""#)
        }
        return response
    }

    private static func extensions(of error: GatewayError) -> [Response.ProblemMember] {
        var members: [Response.ProblemMember] = []
        if let kick = error.kick {
            members.append(
                .init(
                    "kick",
                    .object([
                        .init("status", .number(kick.status)), .init("message", kick.message),
                    ])))
        }
        if let consent = error.consent {
            members.append(.init("missing_scopes", .texts(consent.scopes)))
            members.append(.init("login_id", consent.login.text))
            members.append(.init("connect_url", consent.url))
        }
        return members
    }

    private static func status(_ code: GatewayError.Code) -> Status {
        switch code {
        case .invalid: .badRequest
        case .unauthenticated: .unauthorized
        case .forbidden, .missingScope, .kickForbidden: .forbidden
        case .notFound: .notFound
        case .conflict, .idempotencyConflict: .conflict
        case .kickRejected, .idempotencyKeyReused: .unprocessableContent
        case .tooLarge: .contentTooLarge
        case .rateLimited, .tooManyStreams: .tooManyRequests
        case .reconnectRequired, .kickUnauthorized: .failedDependency
        case .upstream: .badGateway
        case .kickTimedOut: .gatewayTimeout
        case .unavailable, .kickRateLimited: .serviceUnavailable
        case .internal: .internalServerError
        }
    }
}
