import Foundation
import Kick
import Testing

@testable import API

/// `docs/kick-coverage.md` names every operation of Kick's, and says the truth.
@Suite("Coverage of Kick's operations")
struct CoverageTests {
    private struct Row {
        let operation: String
        let routes: [String]
        let scopes: [String]
        let test: String
    }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    /// What stands between backticks.
    private static func codes(_ cell: some StringProtocol) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }
    }

    private static func rows() throws -> [Row] {
        try text("docs/kick-coverage.md").split(separator: "\n").filter { $0.hasPrefix("| `") }.map { line in
            let cells = line.split(separator: "|").map(codes)
            try #require(cells.count == 4 && cells[0].count == 1 && cells[3].count == 1)
            return Row(operation: cells[0][0], routes: cells[1], scopes: cells[2], test: cells[3][0])
        }
    }

    @Test("every operation of Kick's is there, once, and has a route")
    func operations() throws {
        let known = try Self.text("Tests/ContractTests/Fixtures/kick-operations.txt").split(separator: "\n")
            .filter { !$0.hasPrefix("#") }.map { $0 == "POST /oauth/authorize" ? "GET /oauth/authorize" : String($0) }
        #expect(known.count == 36)
        #expect(Set(known) == Set(KickOperation.allCases.map(\.rawValue)))
        let rows = try Self.rows()
        #expect(rows.map(\.operation).sorted() == known.sorted())
        let routes = Set(Routes.all.map { "\($0.method) \($0.pattern)" })
        for row in rows {
            #expect(!row.routes.isEmpty && row.routes.allSatisfy(routes.contains), "\(row.operation)")
        }
    }

    @Test("what the contract says of an operation is in the table")
    func contract() throws {
        let object = try JSONSerialization.jsonObject(with: Data(try Self.text("openapi/openapi.json").utf8))
        let paths = try #require((object as? [String: Any])?["paths"] as? [String: [String: Any]])
        let table = try Self.rows().reduce(into: [String: Set<String>]()) { $0[$1.operation] = Set($1.routes) }
        var named: Set<String> = []
        for (path, item) in paths {
            for (method, value) in item {
                guard let mark = (value as? [String: Any])?["x-kick-operation"] else { continue }
                for operation in mark as? [String] ?? [mark as? String ?? ""] {
                    let route = "\(method.uppercased()) \(path)"
                    #expect(table[operation]?.contains(route) == true, "\(operation) by \(route)")
                    named.insert(operation)
                }
            }
        }
        // Logins and subscriptions are more than one operation of Kick's each; everything else is named.
        let composed = KickOperation.allCases.filter { operation in
            switch operation {
            case .authorize, .token, .revoke, .introspectV1, .subscriptions, .subscribe, .unsubscribe: true
            default: false
            }
        }
        #expect(named.isSuperset(of: Set(KickOperation.allCases).subtracting(composed).map(\.rawValue)))
    }

    @Test("the scopes are those that are checked")
    func scopes() throws {
        for row in try Self.rows() {
            let operation = try #require(KickOperation(rawValue: row.operation))
            #expect(operation.scopes.flatMap { $0 }.map(\.rawValue) == row.scopes, "\(row.operation)")
        }
    }

    @Test("each test exists")
    func tests() throws {
        let folder = Self.root.appendingPathComponent("Tests")
        let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
        var sources: [String: String] = [:]
        for case let file as URL in files where file.pathExtension == "swift" {
            sources[file.deletingPathExtension().lastPathComponent, default: ""] += try String(
                contentsOf: file, encoding: .utf8)
        }
        for row in try Self.rows() {
            let parts = row.test.split(separator: ".").map(String.init)
            try #require(parts.count == 2)
            let isThere = sources[parts[0]]?.contains(try Regex("@Test[^\n]*\n(?:[^\n]*\n)?\\s*func \(parts[1])\\("))
            #expect(isThere == true, "\(row.test)")
        }
    }
}
