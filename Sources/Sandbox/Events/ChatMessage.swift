/// What the audience says.
enum ChatLines {
    static let plain = [
        "Hello everyone", "what a play", "no way that worked", "good evening from Lisbon", "first time here, hi chat",
        "LETS GO", "can you turn the music up a bit?", "that boss is not fair", "gg", "clip it", "one more game?",
        "how long have you been live", "the new overlay looks great", "brb, snacks", "you got this",
        "Grüße aus Köln 👋", "こんにちは", "is this the ranked run?",
    ]

    static let emotes = [
        (id: "37226", name: "KEKW"), (id: "4148074", name: "HYPERCLAP"), (id: "37239", name: "WeSmart"),
    ]
}

/// A chat text with the places of its emotes: positions count characters from 0 and include both ends (FACTS §4.6).
struct ChatMessage {
    private(set) var content: String
    /// Null without emotes, as Kick sends it.
    private(set) var emotes: JSON = .null

    init(text: String) {
        content = text
    }

    /// A text somebody wrote: its emotes stand in it as `[emote:ID:NAME]`.
    init(written text: String) {
        content = text
        var positions: [(id: String, places: [JSON])] = []
        for marker in text.matches(of: /\[emote:(\d+):[^\[\]]+\]/) {
            let start = text[..<marker.range.lowerBound].unicodeScalars.count
            let place: JSON = [
                "s": .integer(start), "e": .integer(start + text[marker.range].unicodeScalars.count - 1),
            ]
            if let known = positions.firstIndex(where: { $0.id == marker.1 }) {
                positions[known].places.append(place)
            } else {
                positions.append((String(marker.1), [place]))
            }
        }
        guard !positions.isEmpty else { return }
        emotes = .array(positions.map { ["emote_id": .string($0.id), "positions": .array($0.places)] })
    }

    /// `text`, followed by one to three emotes.
    init(_ text: String, emotesFrom random: inout some RandomNumberGenerator) {
        content = text
        var positions: [(id: String, places: [JSON])] = []
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let (id, name) = ChatLines.emotes.randomElement(using: &random)!
            let marker = "[emote:\(id):\(name)]"
            let start = content.unicodeScalars.count + 1
            content += " " + marker
            let place: JSON = ["s": .integer(start), "e": .integer(start + marker.unicodeScalars.count - 1)]
            if let known = positions.firstIndex(where: { $0.id == id }) {
                positions[known].places.append(place)
            } else {
                positions.append((id, [place]))
            }
        }
        emotes = .array(positions.map { ["emote_id": .string($0.id), "positions": .array($0.places)] })
    }
}
