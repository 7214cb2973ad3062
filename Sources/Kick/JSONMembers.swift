/// Members of a JSON object as they stand, byte for byte.
package enum JSONMembers {
    /// The text of each member that was asked for; nil for one that is not there. Nil for what is no JSON object, or in which
    /// a member that counts would depend on the reader: a doubled or escaped name, nesting deeper than 64.
    package static func texts(of names: [String], in object: [UInt8]) -> [ArraySlice<UInt8>?]? {
        guard String(validating: object, as: UTF8.self) != nil else { return nil }
        return BroadcasterScanner.facts(in: object, members: names)?.members
    }
}
