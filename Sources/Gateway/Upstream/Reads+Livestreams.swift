package import Kick
import Net
import Telemetry

extension KickRead where Value == KickPage<KickLivestream> {
    /// What is on, the oldest start first.
    package static func livestreams(_ selection: LivestreamSelection) -> KickRead {
        KickRead(.livestreams, selection.spelling, as: .app, for: .live) { api, token, deadline throws(KickError) in
            try await api.livestreams(selection, token: token, deadline: deadline)
        }
    }

    /// What is on, in an order, without further pages.
    package static func livestreams(sorted selection: SortedLivestreamSelection) -> KickRead {
        KickRead(.livestreamsV1, selection.spelling, as: .app, for: .live) { api, token, deadline throws(KickError) in
            let found = try await api.livestreams(sorted: selection, token: token, deadline: deadline)
            return KickPage(elements: found, nextCursor: nil)
        }
    }

    /// The broadcasts of those who are live among these. Throws for none, and for more than a hundred.
    package static func livestreams(of users: [Int64]) throws(KickBoundError) -> KickRead {
        let asked = try batch(users.map(String.init), "broadcasters")
        return KickRead(
            .userLivestreams, asked.joined(separator: ","), as: .app, for: .live,
            tags: { $0.elements.map { .channel($0.broadcasterUserID) } }
        ) { api, token, deadline throws(KickError) in
            let found = try await api.livestreams(
                userIDs: asked.compactMap { Int64($0) }, token: token, deadline: deadline)
            return KickPage(elements: found, nextCursor: nil)
        }
    }
}

extension KickRead where Value == Int {
    /// How many broadcasts are on.
    package static var livestreamCount: KickRead {
        KickRead(.livestreamStats, as: .app, for: .live) { api, token, deadline throws(KickError) in
            try await api.livestreamCount(token: token, deadline: deadline)
        }
    }
}

extension LivestreamSelection {
    fileprivate var spelling: String {
        .spelling(of: [categoryIDs.map(String.init), languages, [limit.map(String.init), cursor].map { $0 ?? "" }])
    }
}

extension SortedLivestreamSelection {
    fileprivate var spelling: String {
        .spelling(of: [[order.rawValue, "\(categoryID ?? 0)", language ?? "", "\(limit ?? 0)"]])
    }
}
