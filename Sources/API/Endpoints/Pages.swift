import HTTP
import HTTPServer

/// What the service shows without being asked for data: its pages and its contract.
enum Pages {
    static func live(_ context: RequestContext) async throws -> Response {
        html(LivePage.html)
    }

    static func docs(_ context: RequestContext) async throws -> Response {
        html(DocsPage.html)
    }

    static func contract(_ context: RequestContext) async throws -> Response {
        .json(context.services.contract)
    }

    /// A page of ours: nothing from elsewhere is loaded, nothing may frame it.
    static func html(_ text: String, status: Status = .ok) -> Response {
        Response(
            status: status,
            fields: [
                .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
                .contentSecurityPolicy: """
                default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                base-uri 'none'; form-action 'none'; frame-ancestors 'none'
                """,
                .referrerPolicy: "no-referrer", .xContentTypeOptions: "nosniff",
            ], body: .bytes(Array(text.utf8)))
    }

    /// A short message for a person in a browser.
    static func message(title: String, _ text: String, status: Status = .ok) -> Response {
        html(
            """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escaped(title))</title>
            <style>
              :root { color-scheme: light dark; }
              body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto; padding: 0 1.2rem; }
              h1 { font-size: 1.35rem; }
            </style>
            <h1>\(escaped(title))</h1>
            <p>\(escaped(text))</p>
            </html>

            """, status: status)
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        // By scalars: a character that joins with the next one would carry it past a comparison of whole characters.
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
