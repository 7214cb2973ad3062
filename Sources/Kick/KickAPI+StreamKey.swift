package import Net
package import Telemetry

/// What lets anybody go live on a channel (FACTS §2.3). Not part of `KickChannel`, so that no log, no cache and no answer
/// about channels can ever hold it (P6).
package struct KickStreamKey: Sendable {
    /// Where to send the broadcast (RTMPS).
    package let url: Secret<String>
    package let key: Secret<String>
}

extension KickAPI {
    /// The stream key of the token's own channel. User token with `channel:read` and `streamkey:read`. Nil when Kick
    /// leaves it out, as it does without the latter.
    package func streamKey(token: Secret<String>, deadline: Deadline) async throws(KickError) -> KickStreamKey? {
        struct Channel: Decodable {
            struct Stream: Decodable {
                let url: String?
                let key: String?
            }

            let stream: Stream?
        }
        let channels = try await page(of: Channel.self, KickRequest(.channels, bearer: token), deadline).elements
        guard let channel = channels.first else {
            throw KickError(.undecodable, status: 200, message: "no channel came")
        }
        guard let key = channel.stream?.key, let url = channel.stream?.url, !key.isEmpty, !url.isEmpty else {
            return nil
        }
        return KickStreamKey(url: Secret(url), key: Secret(key))
    }
}
