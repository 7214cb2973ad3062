package import Crypto
import HTTP
package import Net
package import Telemetry

/// Kick's REST API (FACTS §2, §3): users, channels and the public key here, one more file per topic. Keeps nothing;
/// retries nothing.
///
/// `token` is a user token or an app token, whichever the call's comment says.
package struct KickAPI: Sendable {
    /// Lists of ids and slugs are asked for in pieces of this length: with more, Kick has answered with wrong data for
    /// about half of them (FACTS §2.3).
    package static let batchLength = 25

    let exchange: KickExchange

    package init(exchange: @escaping KickExchange) {
        self.exchange = exchange
    }

    // MARK: Users

    /// Whose token this is. User token with `user:read`.
    package func ownUser(token: Secret<String>, deadline: Deadline) async throws(KickError) -> KickUser {
        let users: [KickUser] = try await list(.users, token: token, deadline)
        guard let user = users.first else { throw KickError(.undecodable, status: 200, message: "no user came") }
        return user
    }

    /// The users that exist among `ids`, each once. User token with `user:read`, or app token.
    package func users(
        ids: [Int64], token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [KickUser] {
        try await batches(of: ids.map(String.init), named: "id", .users, token: token, deadline)
    }

    // MARK: Channels

    /// The token's own channel. User token with `channel:read`.
    package func ownChannel(token: Secret<String>, deadline: Deadline) async throws(KickError) -> KickChannel {
        let channels: [KickChannel] = try await list(.channels, token: token, deadline)
        guard let channel = channels.first else {
            throw KickError(.undecodable, status: 200, message: "no channel came")
        }
        return channel
    }

    /// The channels that exist among these broadcasters', each once. User token with `channel:read`, or app token.
    package func channels(
        broadcasterUserIDs ids: [Int64], token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [KickChannel] {
        try await batches(
            of: ids.map(String.init), named: "broadcaster_user_id", .channels, token: token, deadline)
    }

    /// The channels that exist among these slugs, each once. User token with `channel:read`, or app token.
    ///
    /// Throws `badRequest` without asking when a slug is not 1 to 25 characters long: for Kick one bad slug spoils all.
    package func channels(
        slugs: [String], token: Secret<String>, deadline: Deadline
    ) async throws(KickError) -> [KickChannel] {
        guard slugs.allSatisfy({ (1...25).contains($0.unicodeScalars.count) }) else {
            throw KickError(.badRequest, message: "a slug has 1 to 25 characters")
        }
        return try await batches(of: slugs, named: "slug", .channels, token: token, deadline)
    }

    // MARK: Public key

    /// The key that signs webhooks. No token. Throws `undecodable` for a key that cannot be used.
    package func publicKey(deadline: Deadline) async throws(KickError) -> PublicKey {
        struct Payload: Decodable {
            let pem: String

            enum CodingKeys: String, CodingKey {
                case pem = "public_key"
            }
        }
        let request = KickRequest(.publicKey, maximumAnswer: 64 * 1024)
        let payload = try Envelope<Payload>.data(of: try await exchange(request, deadline), to: request)
        do {
            return try PublicKey(pem: payload.pem)
        } catch {
            throw KickError(.undecodable, status: 200, message: error.description)
        }
    }

    // MARK: Sending

    /// One GET whose `data` is a list.
    func list<Element: Decodable>(
        _ operation: KickOperation, _ query: [(String, String)] = [], token: Secret<String>,
        maximumAnswer: Int = 1 << 20,
        _ deadline: Deadline
    ) async throws(KickError) -> [Element] {
        var items = QueryItems()
        for (name, value) in query { items.append(name, value) }
        let request = KickRequest(operation, query: items, bearer: token, maximumAnswer: maximumAnswer)
        return try Envelope<[Element]?>.list(of: try await exchange(request, deadline), to: request)
    }

    /// As many GETs as `values` need. No values, no call: without a filter Kick would answer about the token's owner.
    func batches<Element: Decodable>(
        of values: [String], named name: String, _ operation: KickOperation, length: Int = Self.batchLength,
        token: Secret<String>, _ deadline: Deadline
    ) async throws(KickError) -> [Element] {
        var seen: Set<String> = []
        let unique = values.filter { seen.insert($0).inserted }
        var elements: [Element] = []
        for start in stride(from: 0, to: unique.count, by: length) {
            let batch = unique[start..<min(start + length, unique.count)]
            elements += try await list(operation, batch.map { (name, $0) }, token: token, deadline)
        }
        return elements
    }
}
