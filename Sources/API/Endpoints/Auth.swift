import Crypto
import Gateway
import HTTP
import HTTPServer
import Model
import Telemetry

/// Logging in: a browser passes here on its way to Kick and back. People read what is answered, so it is HTML.
enum Auth {
    private static let report = Log("connect")

    /// A broadcaster opens a connect link.
    static func begin(_ context: RequestContext) async throws -> Response {
        guard let link = try context.request.query()["link"] else {
            return Pages.message(
                title: "This is not a complete link", "Ask for a new link to connect your Kick account.",
                status: .badRequest)
        }
        return try await page(context) {
            let departure = try await context.services.connecting.begin(linkToken: link)
            var response = Response(status: .seeOther)
            response.fields.append(.location, FieldValue(replacingInvalidIn: departure.authorizeURL.description))
            for trip in surplusTrips(context) {
                response.fields.append(.setCookie, try cookie("", of: trip, maxAge: 0, context))
            }
            let seconds = Int(departure.lifetime.components.seconds)
            response.fields.append(
                .setCookie,
                try cookie(departure.browserToken.reveal(), of: departure.trip, maxAge: seconds, context))
            response.fields.append(.cacheControl, "no-store")
            response.fields.append(.referrerPolicy, "no-referrer")
            return response
        }
    }

    /// Kick sends the browser back: with a code, or with the broadcaster's refusal.
    static func callback(_ context: RequestContext) async throws -> Response {
        let query = try context.request.query()
        guard let state = query["state"] else {
            return Pages.message(
                title: "Something is missing", "Kick did not say which login this is. Open the link again.",
                status: .badRequest)
        }
        let trip = Connecting.trip(of: state)
        let browser = Cookies(context.request.fields)[cookiePrefix(context) + trip]
        return try await page(context) {
            guard let code = query["code"] else {
                try await context.services.connecting.refuse(state: state, browserToken: browser)
                return try clearingCookie(
                    of: trip, context,
                    title: "Not connected",
                    query["error"] == "access_denied"
                        ? "You have not given access. You can open the link again at any time."
                        : "Kick did not complete the login. You can open the link again.", status: .forbidden)
            }
            let login = try await context.services.connecting.complete(
                state: state, code: code, browserToken: browser)
            report.info("connected", ["login": .text(login.id), "tenant": .text(login.tenantID)])
            return try clearingCookie(
                of: trip, context, title: "Connected", "\(login.username) is connected. You can close this window.")
        }
    }

    /// The page at the end of a trip. Only here is the cookie taken back: a way back that was not begun in this browser
    /// must not disturb a login that was.
    private static func clearingCookie(
        of trip: String, _ context: RequestContext, title: String, _ text: String, status: Status = .ok
    ) throws -> Response {
        var response = Pages.message(title: title, text, status: status)
        response.fields.append(.setCookie, try cookie("", of: trip, maxAge: 0, context))
        return response
    }

    /// Runs `body`; what goes wrong becomes a page that a person understands.
    private static func page(_ context: RequestContext, _ body: () async throws -> Response) async throws -> Response {
        do {
            return try await body()
        } catch let error as GatewayError {
            switch error.code {
            case .notFound: return Pages.message(title: "Not valid", error.message, status: .notFound)
            case .forbidden: return Pages.message(title: "Not connected", error.message, status: .forbidden)
            case .upstream:
                report.warning("a login failed", ["error": .string(error.message)])
                return Pages.message(
                    title: "Kick does not answer as it should", "Please open the link again in a moment.",
                    status: .badGateway)
            default: throw error
            }
        }
    }

    /// Trips that a browser may have under way at once: tabs that were left at Kick's page.
    private static let tripLimit = 8

    /// The trips whose cookies have to go so that there is room for one more: browsers send the oldest first
    /// (RFC 6265 §5.4).
    private static func surplusTrips(_ context: RequestContext) -> [String] {
        let prefix = cookiePrefix(context)
        let trips = Cookies(context.request.fields).names.filter { $0.hasPrefix(prefix) }
        return trips.dropLast(tripLimit - 1).map { String($0.dropFirst(prefix.count)) }
    }

    /// What stands before the trip in the cookie's name: each trip has a cookie of its own, so that two tabs do not undo
    /// each other. Over https `__Host-` ties it to this host; over http, in development, it has another name.
    private static func cookiePrefix(_ context: RequestContext) -> String {
        context.services.isHTTPS ? "__Host-kgw-login-" : "kgw-login-development-"
    }

    /// SameSite=Lax: the way back from Kick is a navigation from another site, on which Strict would hold it back.
    private static func cookie(
        _ value: String, of trip: String, maxAge: Int, _ context: RequestContext
    ) throws -> FieldValue {
        let cookie = SetCookie(
            cookiePrefix(context) + trip, value, maxAge: maxAge, isSecure: context.services.isHTTPS, sameSite: .lax)
        guard let cookie else { throw GatewayError(.internal, "the cookie cannot be written") }
        return cookie.fieldValue
    }
}
