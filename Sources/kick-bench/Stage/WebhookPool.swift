import Crypto
import FoundationEssentials
import Net
import Synchronization

/// Signed webhooks, ready to be sent: an RSA signature costs twenty times its verification, so none is made while
/// something is measured. A database of its own per stage lets every stage send the same ones.
final class WebhookPool: Sendable {
    /// Kick accounts; webhook `n` is about the one at `n` modulo their number.
    static let broadcasters = 1001...1100
    /// Bytes of a body: a chat message of ordinary length.
    static let bodyLength = 600
    /// Stands in every message id, in front of ``indexDigits`` digits that say which webhook it is.
    static let idPrefix = "01BENCH0000000000"
    static let indexDigits = 9

    /// The private key, as the stand-in for Kick takes it.
    let keyPEM: String
    private let key: PrivateKey
    private let loops: LoopGroup
    private let requests = Mutex<[[UInt8]]>([])

    init(loops: LoopGroup) throws {
        self.loops = loops
        key = try PrivateKey.generate(.rsaPKCS1SHA256)
        keyPEM = key.revealPEM()
    }

    /// The first `count` webhooks as whole requests; makes those that are missing, on all loops.
    func requests(_ count: Int) async -> [[UInt8]] {
        let known = requests.withLock { $0.count }
        guard known < count else { return requests.withLock { $0 } }
        let timestamp = Date.now.formatted(.iso8601)
        let share = (count - known + loops.loops.count - 1) / loops.loops.count
        let parts = loops.loops.indices.map {
            known + $0 * share..<max(known + $0 * share, min(count, known + ($0 + 1) * share))
        }
        let made = Mutex<[Int: [[UInt8]]]>([:])
        let tasks = loops.loops.map { loop in
            let part = parts[loop.index]
            return loop.spawn { [self] in
                let batch = part.map { request($0, timestamp: timestamp) }
                made.withLock { $0[loop.index] = batch }
            }
        }
        for task in tasks { await task.value }
        let fresh = made.withLock { made in loops.loops.indices.flatMap { made[$0] ?? [] } }
        return requests.withLock { requests in
            requests += fresh
            return requests
        }
    }

    private func request(_ index: Int, timestamp: String) -> [UInt8] {
        let id = Self.messageID(index)
        let body = Self.body(index)
        let signature = key.signature(for: [Array("\(id).\(timestamp).".utf8), body])
        return Array(
            """
            POST /webhooks/kick HTTP/1.1\r
            Host: gateway.bench.invalid\r
            User-Agent: kick-bench\r
            Content-Type: application/json\r
            Kick-Event-Message-Id: \(id)\r
            Kick-Event-Subscription-Id: 01BENCHSUBSCRIPTION0000000\r
            Kick-Event-Signature: \(Base64.encode(signature))\r
            Kick-Event-Message-Timestamp: \(timestamp)\r
            Kick-Event-Type: chat.message.sent\r
            Kick-Event-Version: 1\r
            Content-Length: \(body.count)\r
            \r

            """.utf8) + body
    }

    private static func messageID(_ index: Int) -> String {
        let digits = String(index)
        return idPrefix + String(repeating: "0", count: indexDigits - digits.utf8.count) + digits
    }

    /// A chat message as Kick sends it (FACTS §3.2), of the same length whatever the number.
    private static func body(_ index: Int) -> [UInt8] {
        let broadcaster = broadcasters.lowerBound + index % broadcasters.count
        let head = """
            {"message_id":"\(messageID(index))","replies_to":null,"broadcaster":{"is_anonymous":false,"user_id":\
            \(broadcaster),"username":"broadcaster\(broadcaster)","is_verified":true,"profile_picture":\
            "https://files.example.com/p.webp","channel_slug":"broadcaster\(broadcaster)","identity":null},"sender":\
            {"is_anonymous":false,"user_id":987654321,"username":"viewer","is_verified":false,"profile_picture":\
            "https://files.example.com/v.webp","channel_slug":"viewer","identity":{"username_color":"#FF5733",\
            "badges":[]}},"emotes":null,"created_at":"2025-01-14T16:08:06Z","content":"
            """
        let tail = #""}"#
        let filling = max(0, bodyLength - head.utf8.count - tail.utf8.count)
        return Array((head + String(repeating: "k", count: filling) + tail).utf8)
    }
}
