import Model

// How Kick's JSON is read: what may be missing is optional, what may be odd is mended here, in one place.

extension KeyedDecodingContainer {
    /// A moment. Nil when absent, null, empty or Kick's "not set" (`0001-01-01T00:00:00Z`, FACTS §2.1); throws for a
    /// text that is no RFC 3339 time.
    func decodeTime(forKey key: Key) throws -> Timestamp? {
        guard let text = try decodeIfPresent(String.self, forKey: key), !text.isEmpty else { return nil }
        guard let time = Timestamp(parsing: text) else {
            throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "not an RFC 3339 time")
        }
        return time == .unset ? nil : time
    }

    /// A text. Nil when absent, null or empty.
    func decodeText(forKey key: Key) throws -> String? {
        let text = try decodeIfPresent(String.self, forKey: key)
        return text?.isEmpty == false ? text : nil
    }

    /// A list. Empty when absent or null.
    func decodeList<Element: Decodable>(_: Element.Type = Element.self, forKey key: Key) throws -> [Element] {
        try decodeIfPresent([Element].self, forKey: key) ?? []
    }

    /// A flag. False when absent or null.
    func decodeFlag(forKey key: Key) throws -> Bool {
        try decodeIfPresent(Bool.self, forKey: key) ?? false
    }

    /// An id that Kick writes as a text or as a number (emotes, FACTS §4.6).
    func decodeID(forKey key: Key) throws -> String {
        if let number = try? decode(Int64.self, forKey: key) { return String(number) }
        return try decode(String.self, forKey: key)
    }
}
