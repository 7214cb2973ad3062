/// Somebody in the audience. The same name is always the same person.
struct Viewer: Sendable {
    let id: Int
    let username: String
    /// Kick leaves it null for ordinary people at times (FACTS §10).
    let isVerified: Bool?
    let color: String
    /// In `identity.badges`.
    let badges: [Badge]

    struct Badge: Sendable {
        let text: String
        let type: String
        var count: Int?
    }

    var slug: String { username.lowercased().replacing("_", with: "-") }

    private static let names = [
        "amber_fox", "BassLineBen", "caffeine_cat", "DuskRunner", "echo_valley", "FrostByte88", "gg_gwen", "HexHarper",
        "iris_in_orbit", "JollyRoger", "kilo_kim", "LagWizard", "MossyOak", "neon_nora", "OrbitOtto", "PixelPenny",
        "quietstorm", "RustyRavioli", "saltyseb", "TundraTess", "umber_ursa", "VioletVex", "waffle_wes", "zenzeta",
    ]

    private static let colors = ["#FF5733", "#75FD46", "#DEB2FF", "#1475E1", "#FBCFD8", "#00CCB3", "#F2708A"]

    static let all: [Viewer] = names.enumerated().map { index, name in
        var badges: [Badge] = []
        if index % 6 == 0 { badges.append(Badge(text: "Moderator", type: "moderator")) }
        if index % 8 == 1 { badges.append(Badge(text: "VIP", type: "vip")) }
        if index % 5 == 2 { badges.append(Badge(text: "Sub Gifter", type: "sub_gifter", count: index + 1)) }
        if index % 2 == 0 { badges.append(Badge(text: "Subscriber", type: "subscriber", count: index % 12 + 1)) }
        return Viewer(
            id: 500_001 + index, username: name, isVerified: index % 3 == 0 ? nil : false,
            color: colors[index % colors.count], badges: badges)
    }

    static let byID = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0) })

    // MARK: Shapes of FACTS §4.6

    /// The user object; `identity` only where Kick fills it.
    func user(withIdentity: Bool = false) -> JSON {
        [
            "is_anonymous": false, "user_id": .integer(id), "username": .string(username),
            "is_verified": isVerified.map { .bool($0) } ?? .null, "profile_picture": .string(picture),
            "channel_slug": .string(slug), "identity": withIdentity ? identity : .null,
        ]
    }

    /// As in redemptions and gifted kicks: neither `is_anonymous` nor `identity`.
    var bareUser: JSON {
        [
            "user_id": .integer(id), "username": .string(username),
            "is_verified": isVerified.map { .bool($0) } ?? .null, "profile_picture": .string(picture),
            "channel_slug": .string(slug),
        ]
    }

    /// Every field null but the flag.
    static let anonymous: JSON = [
        "is_anonymous": true, "user_id": .null, "username": .null, "is_verified": .null,
        "profile_picture": .null, "channel_slug": .null, "identity": .null,
    ]

    var picture: String { id % 4 == 0 ? "" : "https://files.example.com/images/user/\(id)/profile.webp" }

    var identity: JSON {
        [
            "username_color": .string(color),
            "badges": .array(
                badges.map { badge in
                    var members: [JSON.Member] = [
                        JSON.Member(name: "text", value: .string(badge.text)),
                        JSON.Member(name: "type", value: .string(badge.type)),
                    ]
                    if let count = badge.count { members.append(JSON.Member(name: "count", value: .integer(count))) }
                    return .object(members)
                }),
        ]
    }
}

extension SandboxUser {
    /// The user object as Kick writes it for a broadcaster: `identity` is null.
    var eventUser: JSON {
        [
            "is_anonymous": false, "user_id": .integer(id), "username": .string(username),
            "is_verified": .bool(isVerified), "profile_picture": .string(profilePicture),
            "channel_slug": .string(slug), "identity": .null,
        ]
    }

    var bareEventUser: JSON {
        [
            "user_id": .integer(id), "username": .string(username), "is_verified": .bool(isVerified),
            "profile_picture": .string(profilePicture), "channel_slug": .string(slug),
        ]
    }
}
