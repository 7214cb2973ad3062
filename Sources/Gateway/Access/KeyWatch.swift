package import Model
import Net
package import Store
import Telemetry

/// Ends the streams of keys that no longer open doors (P15): told by PostgreSQL's NOTIFY, and looked up every half
/// second, because an announcement can be missed and an expiry announces nothing.
package struct KeyWatch: Sendable {
    private static let interval = Duration.milliseconds(500)
    private static let report = Log("keys")

    private let store: KeyStore
    private let access: AccessControl
    private let feed: EventFeed

    package init(store: KeyStore, access: AccessControl, feed: EventFeed) {
        self.store = store
        self.access = access
        self.feed = feed
    }

    /// A revocation was announced.
    package func didRevoke(_ key: KeyID) {
        access.forget()
        feed.endStreams(of: [key])
    }

    /// Looks, for ever.
    package func run() async {
        while !Task.isCancelled {
            try? await sleep(for: Self.interval)
            await look()
        }
    }

    private func look() async {
        let keys = feed.keysWithStreams
        guard !keys.isEmpty else { return }
        do {
            let unusable = try await store.unusable(among: Array(keys))
            if !unusable.isEmpty { feed.endStreams(of: Set(unusable)) }
        } catch {
            Self.report.debug("cannot look keys up", ["error": .string("\(error)")])
        }
    }
}
