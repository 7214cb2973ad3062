import HTTP
import HTTPServer
import Model

/// The parameters of a query, read strictly: a misspelt filter must not stand for none.
struct Parameters {
    private let query: QueryItems

    /// Throws `invalid`, naming the parameter, for one that is not known and for a single one that is there twice.
    ///
    /// - Parameters:
    ///   - lists: may have several values, with commas or repeated.
    init(_ query: QueryItems, lists: [String] = [], singles: [String] = []) throws(GatewayError) {
        for item in query.items where !lists.contains(item.name) {
            let name = String(item.name.prefix(100))
            guard singles.contains(item.name) else {
                let known = (lists + singles).joined(separator: ", ")
                throw GatewayError(
                    .invalid, known.isEmpty ? "is no parameter: there are none" : "is no parameter: there are \(known)",
                    field: name)
            }
            if query.values(of: item.name).count > 1 { throw GatewayError(.invalid, "is there twice", field: name) }
        }
        self.query = query
    }

    init(_ request: Request, lists: [String] = [], singles: [String] = []) throws {
        try self.init(try request.query(), lists: lists, singles: singles)
    }

    /// Nil when it is absent.
    subscript(name: String) -> String? { query[name] }

    /// Nil when it is absent, or empty: what a form leaves open.
    func text(_ name: String) -> String? {
        query[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Nil when it is absent.
    func list(_ name: String) -> [String]? {
        let values = query.values(of: name)
        guard !values.isEmpty else { return nil }
        return values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }

    /// A list of Kick's numbers; nil when it is absent. Throws for what is none.
    func ids(_ name: String) throws(GatewayError) -> [Int64]? {
        guard let texts = list(name) else { return nil }
        let ids = texts.compactMap(Self.id)
        guard ids.count == texts.count else {
            throw GatewayError(.invalid, "must be ids: whole numbers from 1, with commas between", field: name)
        }
        return ids
    }

    /// One of Kick's numbers; nil when it is absent.
    func id(_ name: String) throws(GatewayError) -> Int64? {
        guard let text = query[name] else { return nil }
        guard let id = Self.id(text) else {
            throw GatewayError(.invalid, "must be an id: a whole number from 1", field: name)
        }
        return id
    }

    /// Nil when it is absent. Throws for what is no whole number in the range.
    func number(_ name: String, in range: ClosedRange<Int>) throws(GatewayError) -> Int? {
        guard let text = query[name] else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), range.contains(number)
        else {
            throw GatewayError(
                .invalid, "must be a whole number from \(range.lowerBound) to \(range.upperBound)", field: name)
        }
        return number
    }

    /// Digits alone, and not 0; else nil.
    fileprivate static func id(_ text: String) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text).flatMap { $0 > 0 ? $0 : nil }
    }
}

extension RequestContext {
    /// One of Kick's numbers in the path. Throws `notFound` for what is none: nobody has such an id.
    func kickID(_ name: String) throws -> Int64 {
        guard let id = request.parameters[name].flatMap(Parameters.id) else {
            throw GatewayError(
                .notFound, "there is no such \(name): the path names it by Kick's id, a whole number from 1")
        }
        return id
    }

    /// Refuses every parameter of the query: for routes that have none.
    func refuseParameters() throws {
        if request.head.query != nil { _ = try Parameters(request) }
    }
}
