import HTTP
import HTTPServer
import Testing

@Suite("Router")
struct RouterTests {
    private let router: Router<String> = {
        var router = Router<String>()
        router.add(.get, "/", "root")
        router.add(.get, "/v1/logins", "list")
        router.add(.post, "/v1/logins", "create")
        router.add(.get, "/v1/logins/{id}", "show")
        router.add(.delete, "/v1/logins/{id}", "delete")
        router.add(.get, "/v1/logins/mine", "mine")
        router.add(.get, "/v1/logins/mine/{part}", "part")
        router.add(.get, "/v1/{kind}/{id}/events", "events")
        router.add(.options, "/cors", "preflight")
        return router
    }()

    private func describe(_ match: Router<String>.Match) -> String {
        switch match {
        case .found(let value, let parameters):
            ([value] + ["id", "kind", "part"].compactMap { name in parameters[name].map { "\(name)=\($0)" } })
                .joined(separator: " ")
        case .options(let allow): "options: \(allow)"
        case .methodNotAllowed(let allow): "405: \(allow)"
        case .notFound: "404"
        }
    }

    @Test(
        arguments: [
            (.get, "/", "root"),
            (.get, "/v1/logins", "list"),
            (.post, "/v1/logins", "create"),
            (.head, "/v1/logins", "list"),
            (.get, "/v1/logins/7", "show id=7"),
            (.get, "/v1/logins/a%2Fb%20%C3%A9", "show id=a/b é"),
            (.get, "/v1/logins/..", "show id=.."),
            (.get, "/v1/logins/mine", "mine"),
            (.get, "/v1/%6cogins/mine", "mine"),
            (.get, "/v1/logins/mine/x", "part part=x"),
            (.get, "/v1/logins/mine/events", "part part=events"),
            (.get, "/v1/logins/7/events", "events id=7 kind=logins"),
            (.get, "/v1/other/8/events", "events id=8 kind=other"),
            (.options, "/cors", "preflight"),
            (.put, "/v1/logins", "405: GET, POST, HEAD, OPTIONS"),
            (.post, "/v1/logins/7", "405: GET, DELETE, HEAD, OPTIONS"),
            (Method("BREW")!, "/", "405: GET, HEAD, OPTIONS"),
            (.head, "/cors", "405: OPTIONS"),
            (.options, "/v1/logins", "options: GET, POST, HEAD, OPTIONS"),
            (.options, "/nowhere", "404"),
            (.get, "/v1", "404"),
            (.get, "/v1/", "404"),
            (.get, "/v1/logins/", "404"),
            (.get, "//", "404"),
            (.get, "/v1//7/events", "404"),
            (.get, "/v1/logins/%ff", "404"),
            (.get, "/v1/logins/%00", "404"),
            (.get, "/V1/logins", "404"),
            (.get, "*", "404"),
            (.get, "", "404"),
            (.get, "/" + String(repeating: "a/", count: 4000), "404"),
        ] as [(HTTP.Method, String, String)])
    func match(_ method: HTTP.Method, _ path: String, _ expected: String) {
        #expect(describe(router.match(method, path)) == expected)
    }

    @Test func typedParameters() throws {
        let parameters = PathParameters(["id": "12", "name": "x"])
        #expect(try parameters.require("id") as Int == 12)
        #expect(throws: RequestError.invalidParameter("name")) { try parameters.require("name", as: Int.self) }
        #expect(RequestError.invalidParameter("name").status == .notFound)
    }

    @Test func answersByItself() async throws {
        var router = Router<Handler>()
        router.add(.get, "/v1/logins/{id}") { .text("\(try $0.parameters.require("id", as: Int.self))") }
        let built = router
        try await withServer(handler: { try await built.respond(to: $0) }) { harness in
            let connection = try await harness.connect()
            for (line, status, text, allow) in [
                ("GET /v1/logins/7", 200, "7", nil), ("GET /v1/logins/x", 404, "problem", nil),
                ("GET /v1", 404, "problem", nil), ("DELETE /v1/logins/7", 405, "problem", "GET, HEAD, OPTIONS"),
                ("OPTIONS /v1/logins/7", 204, "", "GET, HEAD, OPTIONS"),
            ] as [(String, Int, String, String?)] {
                try await connection.send("\(line) HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try await connection.readResponse()
                #expect(response.status == status)
                #expect(response.fields[.allow] == allow)
                if text == "problem" {
                    #expect(response.fields[.contentType] == "application/problem+json")
                } else {
                    #expect(response.text == text)
                }
                #expect(response.isPersistent)
            }
        }
    }
}
