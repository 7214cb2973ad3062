import Foundation
import HTTP
import HTTPServer
import Testing

@testable import API

/// `openapi/openapi.json` and the code say the same.
@Suite("Contract")
struct ContractTests {
    private static var document: [String: Any] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        guard let data = try? Data(contentsOf: root.appendingPathComponent("openapi/openapi.json")),
            let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any]
        else { return [:] }
        return object
    }

    private static let methods: Set<String> = ["get", "put", "post", "delete", "patch"]

    /// Every operation as `GET /path`, with what stands there.
    private static var operations: [String: [String: Any]] {
        var operations: [String: [String: Any]] = [:]
        for (path, item) in document["paths"] as? [String: [String: Any]] ?? [:] {
            for (method, operation) in item where methods.contains(method) {
                operations["\(method.uppercased()) \(path)"] = operation as? [String: Any]
            }
        }
        return operations
    }

    @Test("every route is in the contract, and every operation of the contract is a route")
    func routes() {
        let routes = Set(Routes.all.map { "\($0.method) \($0.pattern)" })
        #expect(routes == Set(Self.operations.keys))
        #expect(routes.count == Routes.all.count)
    }

    @Test("the contract asks for the credential that the route asks for", arguments: Routes.all.indices)
    func credentials(index: Int) throws {
        let route = Routes.all[index]
        let operation = try #require(Self.operations["\(route.method) \(route.pattern)"])
        let security = (operation["security"] as? [[String: Any]])?.flatMap(\.keys)
        switch route.access {
        case .open: #expect(security == [])
        case .admin: #expect(security == ["adminKey"])
        case .key(let scope):
            #expect(security == nil)
            #expect((operation["description"] as? String)?.contains("Scope \(scope).") == true)
        }
        let responses = try #require(operation["responses"] as? [String: Any])
        if route.access != .open { #expect(responses["401"] != nil) }
    }

    @Test("every call of Kick names Kick's operation and its scopes, and every body has an example")
    func kickAndExamples() {
        for (name, operation) in Self.operations {
            #expect(
                (operation["x-kick-operation"] == nil) == (operation["x-kick-scopes"] == nil), "\(name)")
            let content = (operation["requestBody"] as? [String: Any])?["content"] as? [String: [String: Any]]
            guard let body = content?["application/json"], !name.contains("/webhooks/") else { continue }
            #expect(body["example"] != nil, "\(name)")
        }
    }

    @Test("path parameters of routes are declared, and every reference leads somewhere")
    func references() throws {
        for route in Routes.all {
            for name in route.pattern.split(separator: "/").filter({ $0.hasPrefix("{") }) {
                let item = try #require((Self.document["paths"] as? [String: [String: Any]])?[route.pattern])
                let operation = try #require(Self.operations["\(route.method) \(route.pattern)"])
                let parameters = [item["parameters"], operation["parameters"]].compactMap { $0 as? [[String: Any]] }
                let declared = parameters.joined().compactMap { parameter in
                    let named = (parameter["$ref"] as? String).flatMap { resolve($0) as? [String: Any] } ?? parameter
                    return named["name"] as? String
                }
                #expect(declared.contains(String(name.dropFirst().dropLast())))
            }
        }
        var missing: [String] = []
        func walk(_ value: Any) {
            if let object = value as? [String: Any] {
                if let reference = object["$ref"] as? String, resolve(reference) == nil { missing.append(reference) }
                object.values.forEach(walk)
            } else if let list = value as? [Any] {
                list.forEach(walk)
            }
        }
        func resolve(_ reference: String) -> Any? {
            reference.dropFirst(2).split(separator: "/").reduce(Self.document as Any?) {
                ($0 as? [String: Any])?[String($1)]
            }
        }
        walk(Self.document)
        #expect(missing == [])
    }
}

@Suite("Pages")
struct PagesTests {
    @Test("pages load nothing from elsewhere, and set text as text", arguments: [LivePage.html, DocsPage.html])
    func pagesOfTheirOwn(html: String) {
        for forbidden in [
            "http:", "https:", "src=", "@import", " url(", "innerHTML", "outerHTML", "insertAdjacent", "eval(",
        ] {
            #expect(!html.contains(forbidden), "\(forbidden)")
        }
        // It throws for a lone percent sign, which anybody can put into a fragment.
        #expect(!html.contains("decodeURI"))
        // Handlers in attributes would need a policy that lets any text become a program.
        #expect(html.firstMatch(of: /<[a-z]+ [^>]*\son[a-z]+=/) == nil)
    }

    @Test(
        "nothing that Kick says becomes markup, whatever it is joined with",
        arguments: ["", "\u{0600}", "\u{200D}", "e\u{301}"])
    func escaping(before: String) throws {
        let response = Pages.message(title: "\(before)<b>", "\(before)<img src=x onerror=alert()>\"'&")
        guard case .bytes(let bytes) = response.body else { throw CancellationError() }
        let html = String(decoding: bytes, as: UTF8.self)
        #expect(!html.utf8.contains("<img".utf8) && !html.utf8.contains("<b>".utf8))
        #expect(html.utf8.contains("&lt;img".utf8))
    }
}
