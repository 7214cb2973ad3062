/// What stood in a path where its route has `{name}`, percent-decoded.
package struct PathParameters: Sendable {
    let names: [String]
    let values: [String]

    package init() {
        self.init(names: [], values: [])
    }

    /// For tests of handlers.
    package init(_ pairs: KeyValuePairs<String, String>) {
        self.init(names: pairs.map(\.key), values: pairs.map(\.value))
    }

    init(names: [String], values: [String]) {
        self.names = names
        self.values = values
    }

    /// The text, or nil when the route has no parameter of this name.
    package subscript(name: String) -> String? {
        names.firstIndex(of: name).map { values[$0] }
    }

    /// The parameter as a value of its type. Traps when the route has none of this name; throws `invalidParameter`
    /// (404: such a thing cannot exist) when the text is not one.
    package func require<Value: LosslessStringConvertible>(
        _ name: String, as type: Value.Type = Value.self
    ) throws(RequestError) -> Value {
        guard let text = self[name] else { preconditionFailure("the route has no parameter \(name)") }
        guard let value = Value(text) else { throw .invalidParameter(name) }
        return value
    }
}
