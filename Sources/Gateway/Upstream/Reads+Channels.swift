package import Kick
import Net
import Telemetry

/// A channel, as a caller names it.
package enum ChannelReference: Sendable {
    case id(Int64)
    case slug(String)

    /// Digits are the broadcaster's id, anything else is a slug. Throws for what no channel has.
    package init(_ text: String) throws(KickBoundError) {
        // A slug could be of digits; ids are what programs have.
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard let id = Int64(text), id > 0 else { throw KickBoundError("channel", "is no user id") }
            self = .id(id)
        } else {
            try Self.check(text, "channel")
            self = .slug(text)
        }
    }

    fileprivate var spelling: String {
        switch self {
        case .id(let id): "id \(id)"
        case .slug(let slug): "slug \(slug)"
        }
    }

    fileprivate static func check(_ slug: String, _ field: String) throws(KickBoundError) {
        let isSlug = slug.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        guard isSlug else {
            throw KickBoundError(field, "must be user ids or slugs: letters, digits, underscores, hyphens and dots")
        }
        guard (1...25).contains(slug.unicodeScalars.count) else {
            throw KickBoundError(
                field, "must be user ids or slugs of 1 to 25 characters, is \(slug.unicodeScalars.count)")
        }
    }
}

extension KickRead where Value == KickChannel {
    private static func find(
        _ slug: String, _ api: KickAPI, _ token: Secret<String>, _ deadline: Deadline
    ) async throws(KickError) -> KickChannel? {
        do {
            return try await api.channels(slugs: [slug], token: token, deadline: deadline).first
        } catch  where error.kind == .badRequest {
            // What Kick takes for no slug is no channel either.
            return nil
        }
    }

    /// A channel as everybody sees it.
    package static func channel(_ reference: ChannelReference) -> KickRead {
        KickRead(.channels, reference.spelling, as: .app, for: .live, tags: { [.channel($0.broadcasterUserID)] }) {
            api, token, deadline throws(KickError) in
            switch reference {
            case .id(let id):
                return try await api.channels(broadcasterUserIDs: [id], token: token, deadline: deadline).first
            case .slug(let slug): return try await Self.find(slug, api, token, deadline)
            }
        }
    }

    /// The channel of a login, as its broadcaster sees it.
    package static func channel(of user: Int64) -> KickRead {
        KickRead(.channels, "own", as: .user(user), for: .live, tags: { [.channel($0.broadcasterUserID)] }) {
            api, token, deadline throws(KickError) in
            try await api.ownChannel(token: token, deadline: deadline)
        }
    }
}

extension KickRead where Value == Batch<KickChannel> {
    /// Channels by their broadcasters' ids. Throws for none, and for more than a hundred.
    package static func channels(ids: [Int64]) throws(KickBoundError) -> KickRead {
        let asked = try batch(ids.map(String.init), "broadcasters")
        return channels("ids", asked, names: { [String($0.broadcasterUserID)] }) {
            api, piece, token, deadline throws(KickError) in
            try await api.channels(
                broadcasterUserIDs: piece.compactMap { Int64($0) }, token: token, deadline: deadline)
        }
    }

    /// Channels by their slugs. Throws for none, for more than a hundred, and for what is no slug.
    package static func channels(slugs: [String]) throws(KickBoundError) -> KickRead {
        for slug in slugs { try ChannelReference.check(slug, "slugs") }
        return channels("slugs", try batch(slugs, "slugs"), names: { [$0.slug.lowercased()] }) {
            api, piece, token, deadline throws(KickError) in
            try await api.channels(slugs: piece, token: token, deadline: deadline)
        }
    }
}

extension KickRead {
    private typealias Piece<Element> =
        @Sendable (KickAPI, [String], Secret<String>, Deadline) async throws(KickError) -> [Element]

    private static func channels(
        _ kind: String, _ asked: [String], names: @escaping @Sendable (KickChannel) -> [String],
        piece: @escaping Piece<KickChannel>
    ) -> KickRead where Value == Batch<KickChannel> {
        KickRead(
            .channels, "\(kind) \(asked.joined(separator: ","))", as: .app, for: .live,
            tags: { $0.found.map { .channel($0.broadcasterUserID) } }, isWhole: \.isWhole
        ) { api, token, deadline throws(KickError) in
            try await Batch.load(asked, names: names) { ids throws(KickError) in
                try await piece(api, ids, token, deadline)
            }
        }
    }
}

extension KickRead where Value == KickStreamKey {
    /// What lets anybody go live on the channel. Never remembered.
    package static func streamKey(of user: Int64) -> KickRead {
        KickRead(.channels, as: .user(user), for: nil, scopes: KickFeature.streamKey.needs) {
            api, token, deadline throws(KickError) in
            try await api.streamKey(token: token, deadline: deadline)
        }
    }
}
