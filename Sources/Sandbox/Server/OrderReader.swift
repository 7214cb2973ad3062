/// Reads the body of a control request. Every error says which member is wrong and what is expected.
struct OrderReader: Sendable {
    private let json: JSON

    /// Throws when it is no object, or has a member that is not among `known`: a misspelt switch that does nothing
    /// would cost somebody an afternoon.
    init(_ json: JSON?, known: [String]) throws(SandboxError) {
        guard let json, case .object(let members) = json else {
            throw .configuration(reason: "expected a JSON object")
        }
        if let stranger = members.first(where: { !known.contains($0.name) }) {
            throw .configuration(reason: "\(stranger.name): unknown; there are \(known.joined(separator: ", "))")
        }
        self.json = json
    }

    func number(_ name: String, in bounds: ClosedRange<Int>) throws(SandboxError) -> Int? {
        guard let value = json[name] else { return nil }
        guard let number = value.integerValue, bounds.contains(number) else {
            throw .configuration(reason: "\(name): expected \(bounds.lowerBound) to \(bounds.upperBound)")
        }
        return number
    }

    func flag(_ name: String) throws(SandboxError) -> Bool? {
        guard let value = json[name] else { return nil }
        guard let flag = value.boolValue else { throw .configuration(reason: "\(name): expected true or false") }
        return flag
    }

    func text(_ name: String) throws(SandboxError) -> String? {
        guard let value = json[name] else { return nil }
        guard let text = value.stringValue, !text.isEmpty else {
            throw .configuration(reason: "\(name): expected a text")
        }
        return text
    }

    /// One of the names of a list of cases.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String, of type: Choice.Type
    ) throws(SandboxError) -> Choice? where Choice.RawValue == String {
        guard let value = json[name] else { return nil }
        guard let choice = value.stringValue.flatMap(Choice.init) else {
            let names = type.allCases.map(\.rawValue)
            throw .configuration(
                reason: "\(name): expected \(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")")
        }
        return choice
    }

    func texts(_ name: String) throws(SandboxError) -> [String]? {
        guard let value = json[name] else { return nil }
        guard let texts = value.arrayValue?.map(\.stringValue), !texts.contains(nil) else {
            throw .configuration(reason: "\(name): expected a list of texts")
        }
        return texts.compactMap(\.self)
    }

    func numbers(_ name: String) throws(SandboxError) -> [Int]? {
        guard let value = json[name] else { return nil }
        guard let numbers = value.arrayValue?.map(\.integerValue), !numbers.contains(nil) else {
            throw .configuration(reason: "\(name): expected a list of whole numbers")
        }
        return numbers.compactMap(\.self)
    }
}
