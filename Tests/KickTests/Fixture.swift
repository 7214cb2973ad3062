import Foundation
import HTTP
import Kick
import Testing

/// Files under `Fixtures`, byte for byte.
enum Fixture {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    static func bytes(_ path: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: folder.appending(path: path)))
    }

    /// An example body of Kick's documentation, named without `.json`.
    static func event(_ name: String) throws -> [UInt8] {
        try bytes("events/\(name).json")
    }

    /// The example with one part of its text replaced, which must be there.
    static func event(_ name: String, replacing old: String, with new: String) throws -> [UInt8] {
        let text = try String(decoding: event(name), as: UTF8.self)
        try #require(text.contains(old), "the fixture \(name) has no \(old)")
        return Array(text.replacing(old, with: new).utf8)
    }

    /// A delivery that Kick really made on 2025-04-01.
    static func genuine() throws -> Delivery {
        let headers = try JSONDecoder().decode(
            [String: String].self, from: Data(bytes("signed/livestream.status.updated.headers.json")))
        return try Delivery(headers: headers, body: bytes("signed/livestream.status.updated.body.json"))
    }
}

/// Headers and body of a webhook, easy to change.
struct Delivery {
    var headers: [String: String]
    var body: [UInt8]

    var fields: Fields {
        var fields: Fields = ["Content-Type": "application/json", "User-Agent": "Go-http-client/1.1"]
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            fields.append(FieldName(name)!, FieldValue(value)!)
        }
        return fields
    }

    func with(_ name: String, _ value: String?) -> Delivery {
        var copy = self
        copy.headers[name] = value
        return copy
    }

    func with(body: [UInt8]) -> Delivery {
        Delivery(headers: headers, body: body)
    }
}
