import Crypto
import HTTP
import Model

/// One of a run's webhooks: everything about it follows from its number, so that nothing of it has to be kept.
struct Webhook: Sendable {
    static let idPrefix = "01CHAOS0000000000"
    private static let indexDigits = 9

    let index: Int
    let broadcaster: Int64

    var messageID: String {
        let digits = String(index)
        return Self.idPrefix + String(repeating: "0", count: Self.indexDigits - digits.utf8.count) + digits
    }

    /// The number in a message id; nil when it is none of ours.
    static func index(in messageID: String) -> Int? {
        guard messageID.hasPrefix(idPrefix) else { return nil }
        return Int(messageID.dropFirst(idPrefix.utf8.count).prefix(indexDigits))
    }

    /// The same of its bytes.
    static func index(in messageID: UnsafeRawBufferPointer) -> Int? {
        let prefix: StaticString = "01CHAOS0000000000"
        guard messageID.count == prefix.utf8CodeUnitCount + indexDigits,
            unsafe UnsafeRawBufferPointer(rebasing: messageID[..<prefix.utf8CodeUnitCount]).equals(prefix)
        else { return nil }
        var value = 0
        for index in prefix.utf8CodeUnitCount..<messageID.count {
            let digit = unsafe Int(messageID[index]) - 0x30
            guard (0...9).contains(digit) else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// A chat message as Kick sends it (FACTS §3.2), 400 to 1,400 bytes, in which nearly every byte depends on the number.
    var body: [UInt8] {
        var state = Scramble(index)
        let head = """
            {"message_id":"\(messageID)","replies_to":null,"broadcaster":{"is_anonymous":false,"user_id":\
            \(broadcaster),"username":"user\(broadcaster)","is_verified":true,"profile_picture":\
            "https://files.example.com/p.webp","channel_slug":"user\(broadcaster)","identity":null},"sender":\
            {"is_anonymous":false,"user_id":\(state.next() % 1_000_000_000),"username":"viewer"},"emotes":null,\
            "created_at":"2026-01-14T16:08:06Z","content":"
            """
        var bytes = Array(head.utf8)
        for _ in 0..<Int(state.next() % 64) + 1 {
            bytes += Self.words[Int(state.next() % UInt64(Self.words.count))]
            bytes += String(state.next() % 1_000_000_000, radix: 36).utf8
        }
        bytes += #""}"#.utf8
        return bytes
    }

    /// What has to come through unharmed: letters beyond ASCII, escapes, what looks like the end of a line.
    private static let words: [[UInt8]] = [
        " hello ", " żółć ", " 你好 ", #" \n\n "#, #" \"quoted\" "#, #" data: \\ "#, " 🎉 ", #" \u0000\u2028 "#,
    ].map { Array($0.utf8) }
}

/// Numbers that are spread evenly and follow from a seed (splitmix64).
struct Scramble {
    private var state: UInt64

    init(_ seed: Int) {
        state = UInt64(bitPattern: Int64(seed)) &* 0xD134_2543_DE82_EF95 &+ 1
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// Signs webhooks and writes them as whole requests.
struct WebhookMaker: Sendable {
    let key: PrivateKey

    static let chat = "chat.message.sent"

    func request(
        messageID: String, type: String = chat, subscription: String = "01CHAOSSUBSCRIPTION0000000", body: [UInt8]
    ) -> [UInt8] {
        let timestamp = Timestamp.now().description
        let signature = key.signature(for: [Array("\(messageID).\(timestamp).".utf8), body])
        return Array(
            """
            POST /webhooks/kick HTTP/1.1\r
            Host: gateway.chaos.invalid\r
            User-Agent: kick-chaos\r
            Content-Type: application/json\r
            Kick-Event-Message-Id: \(messageID)\r
            Kick-Event-Subscription-Id: \(subscription)\r
            Kick-Event-Signature: \(Base64.encode(signature))\r
            Kick-Event-Message-Timestamp: \(timestamp)\r
            Kick-Event-Type: \(type)\r
            Kick-Event-Version: 1\r
            Content-Length: \(body.count)\r
            \r

            """.utf8) + body
    }

    func request(_ webhook: Webhook) -> [UInt8] {
        request(messageID: webhook.messageID, body: webhook.body)
    }
}

/// Whose event each webhook is: half of all are of a twentieth of the tenants, as some channels are busier than others.
struct Spreading: Sendable {
    let tenants: Int
    private var busy: Int { max(1, tenants / 20) }

    /// The tenant, by number, of a webhook.
    func tenant(of index: Int) -> Int {
        var state = Scramble(index ^ 0x5eed)
        let isBusy = state.next() & 1 == 0
        return Int(state.next() % UInt64(isBusy ? busy : tenants))
    }

    func isBusy(_ tenant: Int) -> Bool { tenant < busy }
}
