import HTTP
import Model
import Net
import Synchronization

/// Connect links for scopes that were missing, each given out for ten minutes to those who meet the same: a page that asks
/// again and again must not make thousands of them.
final class ConsentLinks: Sendable {
    private struct Need: Hashable {
        let login: LoginID
        let scopes: [String]
        /// A link is good for one consent: after it another is needed.
        let connectedAt: Timestamp
    }

    private struct Link {
        let url = Promise<String?>()
        let until: Deadline
    }

    private static let lifetime = Duration.seconds(86_400)
    private static let reuse = Duration.seconds(600)
    private static let patience = Duration.seconds(5)
    private static let capacity = 1000

    private let links = Mutex<[Need: Link]>([:])

    /// A link that asks for what the login was asked for before, and for what is missing. Nil when none can be made now. On
    /// a loop.
    func url(for login: Login, _ missing: [String], _ connecting: Connecting) async -> String? {
        let need = Need(login: login.id, scopes: missing, connectedAt: login.connectedAt)
        let (link, isNew) = place(for: need)
        guard isNew else { return await link.url.value(until: .after(Self.patience)) ?? nil }
        let scopes = login.askedScopes + missing.filter { !login.askedScopes.contains($0) }
        let made = try? await connecting.createLink(
            scopes: scopes, login: login.id, lifetime: Self.lifetime, in: login.tenantID)
        let url = made?.url.description
        if url == nil { links.withLock { $0[need] = nil } }
        link.url.fulfil(url)
        return url
    }

    private func place(for need: Need) -> (link: Link, isNew: Bool) {
        let now = Deadline.now()
        return links.withLock { links in
            if let link = links[need], link.until > now { return (link, false) }
            if links.count >= Self.capacity { links = links.filter { $0.value.until > now } }
            if links.count >= Self.capacity { links = [:] }
            let link = Link(until: now + Self.reuse)
            links[need] = link
            return (link, true)
        }
    }
}
