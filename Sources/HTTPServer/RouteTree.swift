import HTTP

/// The paths of a ``Router``, segment by segment. Routes are numbers here: a tree that knew their type would be generic
/// code, and that takes three times as long.
struct RouteTree: Sendable {
    enum Match {
        case found(Int, PathParameters)
        case options(allow: FieldValue)
        case methodNotAllowed(allow: FieldValue)
        case notFound
    }

    private struct Route: Sendable {
        let method: Method
        let names: [String]
        let index: Int
    }

    private struct Node: Sendable {
        var literals: [(segment: [UInt8], node: Int)] = []
        var parameter: Int?
        var routes: [Route] = []
    }

    private var nodes = [Node()]

    mutating func add(_ method: Method, _ pattern: String, _ index: Int) {
        precondition(pattern.hasPrefix("/"), "a pattern begins with a slash: \(pattern)")
        var node = 0
        var names: [String] = []
        for segment in RouteTree.segments(Array(pattern.utf8)[...]) {
            if segment.first == UInt8(ascii: "{") {
                precondition(segment.last == UInt8(ascii: "}") && segment.count > 2, "malformed pattern: \(pattern)")
                let name = String(decoding: segment.dropFirst().dropLast(), as: UTF8.self)
                precondition(!names.contains(name), "a parameter twice: \(pattern)")
                names.append(name)
                node = child(of: node, parameter: ())
            } else {
                precondition(!segment.contains(UInt8(ascii: "%")), "literals stand decoded: \(pattern)")
                node = child(of: node, literal: Array(segment))
            }
        }
        precondition(!nodes[node].routes.contains { $0.method == method }, "a route twice: \(method) \(pattern)")
        nodes[node].routes.append(Route(method: method, names: names, index: index))
    }

    func match(_ method: Method, _ path: ArraySlice<UInt8>) -> Match {
        guard path.first == UInt8(ascii: "/") else { return .notFound }
        var values: [ArraySlice<UInt8>] = []
        guard let node = find(path.dropFirst(), from: 0, &values) else { return .notFound }
        let routes = nodes[node].routes
        // RFC 9110 §9.3.2: HEAD is GET without the body, which the connection leaves out.
        let route =
            routes.first { $0.method == method } ?? (method == .head ? routes.first { $0.method == .get } : nil)
        guard let route else {
            return method == .options ? .options(allow: allow(routes)) : .methodNotAllowed(allow: allow(routes))
        }
        if route.names.isEmpty { return .found(route.index, PathParameters()) }
        var texts: [String] = []
        for value in values {
            // What is not text is no parameter of ours.
            guard let text = PercentCoding.decode(value) else { return .notFound }
            texts.append(text)
        }
        return .found(route.index, PathParameters(names: route.names, values: texts))
    }

    // MARK: - The tree

    /// The node of the rest of a path, trying literals first; `values` then holds what the parameters stand for. As
    /// deep as the longest pattern, whatever the path.
    private func find(_ rest: ArraySlice<UInt8>, from node: Int, _ values: inout [ArraySlice<UInt8>]) -> Int? {
        let slash = rest.firstIndex(of: UInt8(ascii: "/"))
        let segment = rest[..<(slash ?? rest.endIndex)]

        func descend(_ child: Int) -> Int? {
            if let slash { return find(rest[(slash + 1)...], from: child, &values) }
            return nodes[child].routes.isEmpty ? nil : child
        }

        if let literal = literal(of: node, segment), let found = descend(literal) { return found }
        guard let parameter = nodes[node].parameter, !segment.isEmpty else { return nil }
        values.append(segment)
        if let found = descend(parameter) { return found }
        values.removeLast()
        return nil
    }

    private func literal(of node: Int, _ segment: ArraySlice<UInt8>) -> Int? {
        for (literal, child) in nodes[node].literals where literal.elementsEqual(segment) { return child }
        // RFC 3986 §6.2.2.2: an escaped letter is the letter.
        guard segment.contains(UInt8(ascii: "%")), let text = PercentCoding.decode(segment) else { return nil }
        return nodes[node].literals.first { $0.segment.elementsEqual(text.utf8) }?.node
    }

    private mutating func child(of node: Int, literal: [UInt8]) -> Int {
        if let found = nodes[node].literals.first(where: { $0.segment == literal }) { return found.node }
        nodes.append(Node())
        nodes[node].literals.append((literal, nodes.count - 1))
        return nodes.count - 1
    }

    private mutating func child(of node: Int, parameter: Void) -> Int {
        if let found = nodes[node].parameter { return found }
        nodes.append(Node())
        nodes[node].parameter = nodes.count - 1
        return nodes.count - 1
    }

    private static func segments(_ pattern: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        pattern.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    }

    /// RFC 9110 §10.2.1.
    private func allow(_ routes: [Route]) -> FieldValue {
        var methods = routes.map(\.method)
        if methods.contains(.get), !methods.contains(.head) { methods.append(.head) }
        if !methods.contains(.options) { methods.append(.options) }
        return FieldValue(replacingInvalidIn: methods.map(\.rawValue).joined(separator: ", "))
    }
}
