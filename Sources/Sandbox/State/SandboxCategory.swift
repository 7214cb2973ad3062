/// A category of the sandbox. Ids that are not listed are made up on the fly, so every `category_id` has a name; 0 is
/// that of a channel without one.
package struct SandboxCategory: Sendable {
    package let id: Int
    package let name: String
    package let tags: [String]

    /// In the order of the lists. The first is where new channels begin.
    package static let all: [SandboxCategory] = [
        (15, "Just Chatting", ["IRL", "Talk"]), (101, "Old School Runescape", ["MMO", "RPG", "Fantasy"]),
        (28, "Slots & Casino", ["Gambling", "18+"]), (5, "Counter-Strike 2", ["FPS", "Shooter", "Esports"]),
        (8549, "IRL", ["IRL", "Outdoor"]), (13, "Music", ["Creative", "Music"]),
        (2, "Rust", ["FPS", "Shooter", "Survival"]), (3, "Apex Legends", ["FPS", "Shooter", "Battle Royale"]),
        (4, "Call of Duty: Warzone", ["FPS", "Shooter", "Battle Royale"]), (6, "Dota 2", ["MOBA", "Esports"]),
        (7, "League of Legends", ["MOBA", "Esports"]), (8, "Minecraft", ["Sandbox", "Survival"]),
        (9, "Grand Theft Auto V", ["Action", "Roleplay"]), (10, "Fortnite", ["Shooter", "Battle Royale"]),
        (11, "VALORANT", ["FPS", "Shooter", "Esports"]), (12, "World of Warcraft", ["MMO", "RPG", "Fantasy"]),
        (14, "Path of Exile 2", ["RPG", "Action"]), (16, "Chess", ["Strategy", "Board Game"]),
        (17, "EA Sports FC 26", ["Sports", "Simulation"]), (18, "Poker", ["Gambling", "Card Game", "18+"]),
        (19, "Hearthstone", ["Card Game", "Strategy"]), (20, "Rocket League", ["Sports", "Racing", "Esports"]),
        (21, "Euro Truck Simulator 2", ["Simulation", "Driving"]), (22, "Art", ["Creative"]),
        (23, "Elden Ring", ["RPG", "Action", "Fantasy"]), (24, "Factorio", ["Strategy", "Simulation"]),
        (25, "Software Development", ["Creative", "Talk"]), (26, "Food & Drink", ["IRL", "Creative"]),
        (27, "Sports", ["Sports", "Talk"]), (29, "Pools, Hot Tubs & Bikinis", ["IRL", "18+"]),
    ].map { SandboxCategory(id: $0, name: $1, tags: $2) }

    private static let byID = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })

    package init(id: Int) {
        self = Self.byID[id] ?? SandboxCategory(id: id, name: id == 0 ? "" : "Category \(id)", tags: [])
    }

    private init(id: Int, name: String, tags: [String]) {
        self.id = id
        self.name = name
        self.tags = tags
    }

    /// Only what is listed.
    static func listed(_ id: Int) -> SandboxCategory? { byID[id] }

    private var thumbnail: JSON {
        .string(id == 0 ? "" : "https://files.example.com/images/category/\(id).webp")
    }
    private var tagsJSON: JSON { .array(tags.map { .string($0) }) }

    /// As in channels, livestreams and the v1 search.
    var json: JSON { ["id": .integer(id), "name": .string(name), "thumbnail": thumbnail] }

    /// As in the v2 list.
    var jsonWithTags: JSON {
        ["id": .integer(id), "name": .string(name), "tags": tagsJSON, "thumbnail": thumbnail]
    }

    /// As in v1, one by its id.
    func json(viewerCount: Int) -> JSON {
        [
            "id": .integer(id), "name": .string(name), "tags": tagsJSON, "thumbnail": thumbnail,
            "viewer_count": .integer(viewerCount),
        ]
    }

    /// What a channel shows that never set one: nobody wrote down which of the three it is (FACTS §2.3).
    package enum Unset: String, Sendable, CaseIterable {
        case zero
        case null
        case empty
    }

    /// As in a channel.
    func json(unset: Unset) -> JSON {
        switch unset {
        case .null where id == 0: .null
        case .empty where id == 0: [:]
        default: json
        }
    }
}
