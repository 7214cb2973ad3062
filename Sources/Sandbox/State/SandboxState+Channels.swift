package import HTTP

extension SandboxState {
    // MARK: Users

    /// GET /public/v1/users (FACTS §2.2).
    package func usersAnswer(_ query: QueryItems, for bearer: Bearer) -> APIAnswer {
        guard bearer.has("user:read") else { return .forbidden }
        guard let asked = Self.integers("id", in: query) else { return .invalidRequest }
        guard let ids = asked.isEmpty ? bearer.userID.map({ [$0] }) : asked else { return .invalidRequest }
        return .ok(
            .array(
                ids.compactMap(knownPerson).map { person in
                    [
                        "email": .string(bearer.userID.flatMap { person.id == $0 ? users[$0]?.email : nil } ?? ""),
                        "name": .string(person.username), "profile_picture": .string(person.picture),
                        "user_id": .integer(person.id),
                    ]
                }))
    }

    // MARK: Channels

    /// So many entries in one call are answered rightly (#321).
    private static let soundBatch = 25

    /// GET /public/v1/channels (FACTS §2.3).
    ///
    /// - Parameter stale: how channels look that were changed just now (#205).
    package func channelsAnswer(
        _ query: QueryItems, for bearer: Bearer, policy: APIPolicy = APIPolicy(), stale: [Int: SandboxChannel] = [:]
    ) -> APIAnswer {
        guard bearer.has("channel:read") else { return .forbidden }
        guard let ids = Self.integers("broadcaster_user_id", in: query), ids.count <= 50 else { return .invalidRequest }
        let slugs = query.values(of: "slug")
        guard slugs.count <= 50, slugs.allSatisfy({ (1...25).contains($0.count) }), ids.isEmpty || slugs.isEmpty
        else { return .invalidRequest }
        var found: [SandboxUser]
        if !slugs.isEmpty {
            found = slugs.compactMap { slug in users.values.first { $0.slug == slug } }
        } else if !ids.isEmpty {
            found = ids.compactMap { users[$0] }
        } else {
            guard let id = bearer.userID else { return .invalidRequest }
            found = [users[id]].compactMap(\.self)
        }
        if !stale.isEmpty {
            for (index, user) in found.enumerated() { found[index].channel = stale[user.id] ?? user.channel }
        }
        if policy.mixesUpLargeBatches, ids.count + slugs.count > Self.soundBatch {
            // Every second one shows what is its neighbour's.
            for index in stride(from: 1, to: found.count, by: 2) { found[index].channel = found[index - 1].channel }
        }
        return .ok(.array(found.map { channelJSON($0, for: bearer, policy) }))
    }

    private func channelJSON(_ user: SandboxUser, for bearer: Bearer, _ policy: APIPolicy) -> JSON {
        let channel = user.channel
        let showsKey = user.id == bearer.userID && bearer.scopes.contains("streamkey:read")
        return [
            "active_gifted_subscribers_count": 7, "active_subscribers_count": .integer(channel.subscriberCount),
            "banner_picture": "https://files.example.com/images/banner.webp",
            "broadcaster_user_id": .integer(user.id), "canceled_subscribers_count": 0,
            "category": SandboxCategory(id: channel.categoryID).json(unset: policy.unsetCategory),
            "channel_description": .string(channel.description), "slug": .string(user.slug),
            "stream": [
                "custom_tags": .array(channel.customTags.map { .string($0) }),
                "is_live": .bool(channel.liveSince != nil), "is_mature": .bool(channel.isMature),
                "key": .string(showsKey ? "sk_sandbox_\(user.id)" : ""), "language": .string(channel.language),
                "start_time": .string(channel.liveSince?.text ?? SandboxTime.unsetText),
                "thumbnail": .string(Self.thumbnail(of: user)),
                "url": .string(showsKey ? "rtmps://ingest.example.com:443/app" : ""),
                "viewer_count": .integer(channel.viewerCount),
            ],
            "stream_title": .string(channel.title),
        ]
    }

    private static func thumbnail(of user: SandboxUser) -> String {
        "https://files.example.com/images/thumbnail/\(user.id).webp"
    }

    /// PATCH /public/v1/channels (FACTS §2.3): 204, and whatever it does not know it ignores (#344).
    package mutating func patchChannel(_ body: JSON?, for bearer: Bearer) -> APIAnswer {
        guard let id = bearer.userID, bearer.has("channel:write") else { return .forbidden }
        guard let body, case .object(let members) = body, members.contains(where: { $0.value != .null }),
            var user = users[id]
        else { return .invalidRequest }
        if let value = body["category_id"] {
            guard let category = value.integerValue, category >= 1 else { return .invalidRequest }
            user.channel.categoryID = category
        }
        if let value = body["stream_title"] {
            guard let title = value.stringValue, !title.isEmpty else { return .invalidRequest }
            user.channel.title = title
        }
        if let value = body["custom_tags"] {
            guard let tags = value.arrayValue, tags.count <= 10 else { return .invalidRequest }
            let texts = tags.compactMap(\.stringValue)
            guard texts.count == tags.count else { return .invalidRequest }
            user.channel.customTags = texts
        }
        users[id] = user
        return .noContent
    }

    /// Starts or ends a stream. Nil when there is no such user.
    package mutating func setLive(_ isLive: Bool, userID: Int, viewers: Int = 0, at now: SandboxTime) -> SandboxUser? {
        guard var user = users[userID] else { return nil }
        if isLive != (user.channel.liveSince != nil) { user.channel.liveSince = isLive ? now : nil }
        user.channel.viewerCount = isLive ? viewers : 0
        if isLive { content.ads[userID, default: SandboxAds()].hasStreamed = true }
        users[userID] = user
        return user
    }

    // MARK: Livestreams

    /// GET /public/v1/livestreams (FACTS §2.5).
    package func livestreamsAnswer(_ query: QueryItems) -> APIAnswer {
        guard let ids = Self.integers("broadcaster_user_id", in: query), ids.count <= 50,
            let categories = Self.integers("category_id", in: query), categories.count <= 1,
            let limit = Self.limit(in: query, default: 25, maximum: 100),
            ["viewer_count", "started_at", nil].contains(query["sort"])
        else { return .invalidRequest }
        var live = liveUsers(categories: categories, languages: query["language"].map { [$0] } ?? [])
        if !ids.isEmpty { live = live.filter { ids.contains($0.id) } }
        if query["sort"] != "started_at" { live.sort { $0.channel.viewerCount > $1.channel.viewerCount } }
        return .ok(
            .array(
                live.prefix(limit).map { user in
                    [
                        "broadcaster_user_id": .integer(user.id),
                        "category": SandboxCategory(id: user.channel.categoryID).json, "channel_id": .integer(user.id),
                        "custom_tags": .array(user.channel.customTags.map { .string($0) }),
                        "has_mature_content": .bool(user.channel.isMature),
                        "language": .string(user.channel.language),
                        "profile_picture": .string(user.profilePicture), "slug": .string(user.slug),
                        "started_at": .string(user.channel.liveSince?.text ?? SandboxTime.unsetText),
                        "stream_title": .string(user.channel.title), "thumbnail": .string(Self.thumbnail(of: user)),
                        "viewer_count": .integer(user.channel.viewerCount),
                    ]
                }))
    }

    /// GET /public/v1/livestreams/stats (FACTS §2.5).
    package func livestreamStatsAnswer() -> APIAnswer {
        .ok(["total_count": .integer(liveUsers().count)])
    }

    /// GET /public/v2/livestreams (FACTS §2.5): oldest start first. The cursor is the number of streams passed over.
    package func livestreamsV2Answer(_ query: QueryItems) -> APIAnswer {
        let languages = query.values(of: "language_code")
        guard let categories = Self.integers("category_id", in: query), categories.count <= 25, languages.count <= 25,
            let limit = Self.limit(in: query, default: 100, maximum: 1000),
            let start = Int(query["cursor"].flatMap { $0.isEmpty ? nil : $0 } ?? "0"), start >= 0
        else { return .invalidRequest }
        let live = liveUsers(categories: categories, languages: languages).dropFirst(start)
        let page = live.prefix(limit).map(livestreamV2JSON)
        return .page(page, nextCursor: live.count > limit ? String(start + limit) : "")
    }

    /// GET /public/v1/users/livestreams (FACTS §2.2): only those that are live.
    package func usersLivestreamsAnswer(_ query: QueryItems) -> APIAnswer {
        guard let ids = Self.integers("user_id", in: query), (1...100).contains(ids.count) else {
            return .invalidRequest
        }
        return .ok(.array(liveUsers().filter { ids.contains($0.id) }.map(livestreamV2JSON)))
    }

    private func livestreamV2JSON(_ user: SandboxUser) -> JSON {
        let number = String(user.id, radix: 16)
        return [
            "id": .string(
                "00000000-0000-4000-8000-" + String(repeating: "0", count: max(0, 12 - number.count)) + number),
            "title": .string(user.channel.title), "thumbnail": .string(Self.thumbnail(of: user)),
            "viewer_count": .integer(user.channel.viewerCount), "language_code": .string(user.channel.language),
            "has_mature_content": .bool(user.channel.isMature),
            "started_at": .string(user.channel.liveSince?.text ?? SandboxTime.unsetText),
            "tags": .array(user.channel.customTags.map { .string($0) }),
            "broadcaster_user": [
                "id": .integer(user.id), "username": .string(user.username),
                "profile_picture": .string(user.profilePicture),
            ],
            "category": SandboxCategory(id: user.channel.categoryID).json, "channel": ["slug": .string(user.slug)],
        ]
    }

    /// Oldest start first.
    private func liveUsers(categories: [Int] = [], languages: [String] = []) -> [SandboxUser] {
        users.values
            .filter { user in
                user.channel.liveSince != nil
                    && (categories.isEmpty || categories.contains(user.channel.categoryID))
                    && (languages.isEmpty || languages.contains(user.channel.language))
            }
            .sorted { ($0.channel.liveSince!, $0.id) < ($1.channel.liveSince!, $1.id) }
    }

    // MARK: Parameters

    /// Every value of `name`; nil when one is not a whole number.
    static func integers(_ name: String, in query: QueryItems) -> [Int]? {
        let texts = query.values(of: name)
        let numbers = texts.compactMap { Int($0) }
        return numbers.count == texts.count ? numbers : nil
    }

    static func limit(in query: QueryItems, default standard: Int, maximum: Int) -> Int? {
        guard let text = query["limit"] else { return standard }
        return Int(text).flatMap { (1...maximum).contains($0) ? $0 : nil }
    }
}
