/// Whoever an event or a list speaks of: a user of the sandbox, somebody in the audience, an app's bot.
struct Person: Sendable {
    let id: Int
    let username: String
    let slug: String
    /// Kick leaves it null for ordinary people at times (FACTS §10).
    let isVerified: Bool?
    let picture: String

    init(_ user: SandboxUser) {
        (id, username, slug) = (user.id, user.username, user.slug)
        (isVerified, picture) = (user.isVerified, user.profilePicture)
    }

    init(_ viewer: Viewer) {
        (id, username, slug) = (viewer.id, viewer.username, viewer.slug)
        (isVerified, picture) = (viewer.isVerified, viewer.picture)
    }

    /// Somebody nobody knows more of.
    init(strangerWithID id: Int) {
        self.id = id
        (username, slug) = ("user\(id)", "user\(id)")
        (isVerified, picture) = (nil, "")
    }

    private init(botWithID id: Int) {
        self.id = id
        (username, slug) = ("sandbox_bot", "sandbox-bot")
        (isVerified, picture) = (false, "")
    }

    /// Writes for every app that has a bot.
    static let bot = Person(botWithID: 900_001)

    // MARK: Shapes of FACTS §4.6

    func user(identity: JSON = .null) -> JSON {
        [
            "is_anonymous": false, "user_id": .integer(id), "username": .string(username),
            "is_verified": isVerified.map { .bool($0) } ?? .null, "profile_picture": .string(picture),
            "channel_slug": .string(slug), "identity": identity,
        ]
    }

    /// As in redemptions and gifted kicks.
    var bareUser: JSON {
        [
            "user_id": .integer(id), "username": .string(username),
            "is_verified": isVerified.map { .bool($0) } ?? .null, "profile_picture": .string(picture),
            "channel_slug": .string(slug),
        ]
    }
}

extension SandboxState {
    func knownPerson(_ id: Int) -> Person? {
        users[id].map { Person($0) } ?? Viewer.byID[id].map { Person($0) } ?? (id == Person.bot.id ? .bot : nil)
    }

    func person(_ id: Int) -> Person { knownPerson(id) ?? Person(strangerWithID: id) }

    /// `identity` of somebody who writes in a channel.
    func identity(of id: Int, in broadcasterID: Int) -> JSON {
        if let viewer = Viewer.byID[id] { return viewer.identity }
        var badges: [JSON] = []
        if id == broadcasterID { badges.append(["text": "Broadcaster", "type": "broadcaster"]) }
        if content.moderators[broadcasterID]?.contains(id) == true {
            badges.append(["text": "Moderator", "type": "moderator"])
        }
        return ["username_color": "#1475E1", "badges": .array(badges)]
    }
}
