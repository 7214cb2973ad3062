package import Kick
import Net
import Telemetry

extension KickRead where Value == KickUser {
    /// A user as everybody sees it.
    package static func user(_ id: Int64) -> KickRead {
        KickRead(.users, "one \(id)", as: .app, for: .slow) { api, token, deadline throws(KickError) in
            try await api.users(ids: [id], token: token, deadline: deadline).first
        }
    }

    /// The account behind a login, with its e-mail address.
    package static func user(of user: Int64) -> KickRead {
        KickRead(.users, "own", as: .user(user), for: .live) { api, token, deadline throws(KickError) in
            try await api.ownUser(token: token, deadline: deadline)
        }
    }
}

extension KickRead where Value == Batch<KickUser> {
    /// Throws for none, and for more than a hundred.
    package static func users(_ ids: [Int64]) throws(KickBoundError) -> KickRead {
        let asked = try batch(ids.map(String.init), "ids")
        return KickRead(.users, asked.joined(separator: ","), as: .app, for: .slow, isWhole: \.isWhole) {
            api, token, deadline throws(KickError) in
            try await Batch.load(asked, names: { [String($0.userID)] }) { piece throws(KickError) in
                try await api.users(ids: piece.compactMap { Int64($0) }, token: token, deadline: deadline)
            }
        }
    }
}
