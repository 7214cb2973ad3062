import Crypto
import Gateway
import HTTP
import Kick
import Model
import Net
import Postgres
import Store
import Telemetry
import TestKit
import Testing

/// Signs deliveries as Kick does, with a key that its verifier trusts.
private struct Signer {
    private let key: PrivateKey
    private let verifier: WebhookVerifier

    init(loops: LoopGroup) throws {
        let key = try PrivateKey.generate(.ed25519)
        self.key = key
        verifier = WebhookVerifier(pinned: [key.publicKey], loops: loops) { _ in key.publicKey }
    }

    func webhook(_ messageID: String, broadcaster: Int64 = 1) async throws -> VerifiedWebhook {
        let body = Array(#"{"broadcaster":{"user_id":\#(broadcaster)}}"#.utf8)
        let timestamp = Timestamp(seconds: Timestamp.now().seconds).description
        let message = Array("\(messageID).\(timestamp).".utf8) + body
        var fields: Fields = [:]
        for (name, value) in [
            ("Kick-Event-Message-Id", messageID), ("Kick-Event-Subscription-Id", "sub"),
            ("Kick-Event-Signature", Base64.encode(key.signature(for: message))),
            ("Kick-Event-Message-Timestamp", timestamp), ("Kick-Event-Type", "chat.message.sent"),
            ("Kick-Event-Version", "1"),
        ] {
            fields.set(try #require(FieldName(name)), FieldValue(value))
        }
        return try await verifier.verify(fields: fields, body: body)
    }
}

@Suite("WebhookIngest", .timeLimit(.minutes(1)))
struct WebhookIngestTests {
    private static func withIngest(
        _ body: @escaping @Sendable (StoreFixture, Tenant, WebhookIngest, Signer) async throws -> Void
    ) async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            _ = try await fixture.makeLogin(of: tenant, kickUserID: 1)
            let feed = EventFeed(
                log: fixture.log, loops: fixture.loops, encode: { _, _ in SharedBytes([]) },
                encodeGap: { _ in SharedBytes([]) })
            try await body(
                fixture, tenant, WebhookIngest(log: fixture.log, feed: feed), try Signer(loops: fixture.loops))
        }
    }

    @Test("new, known and unwanted are told apart; only the first is stored")
    func outcomes() async throws {
        try await Self.withIngest { fixture, tenant, ingest, signer in
            let webhook = try await signer.webhook("01A")
            #expect(try await ingest.ingest(webhook, app: tenant.appID) == .stored(tenants: 1))
            #expect(try await ingest.ingest(webhook, app: tenant.appID) == .known)
            let foreign = try await signer.webhook("01B", broadcaster: 2)
            #expect(try await ingest.ingest(foreign, app: tenant.appID) == .unwanted)
            #expect(try await fixture.log.position(in: tenant.id).last == 1)
        }
    }

    @Test("what waits while a commit runs shares the next one: many webhooks, few transactions")
    func groupCommit() async throws {
        try await Self.withIngest { fixture, tenant, ingest, signer in
            var webhooks: [VerifiedWebhook] = []
            for number in 0..<200 { webhooks.append(try await signer.webhook("m\(number)")) }
            await withTaskGroup(of: Void.self) { group in
                for webhook in webhooks {
                    group.addTask {
                        let outcome = try? await ingest.ingest(webhook, app: tenant.appID)
                        #expect(outcome == .stored(tenants: 1))
                    }
                }
            }
            #expect(try await fixture.log.position(in: tenant.id).last == 200)
            // Each row carries the transaction that wrote it.
            let count = try await fixture.testDatabase.psql("SELECT count(DISTINCT xmin::text) FROM events")
            #expect(try #require(Int(count.filter(\.isNumber))) < 100)
        }
    }

    @Test("P7 what cannot be committed is not acknowledged, and the sender is told when to come again")
    func unavailable() async throws {
        try await Self.withIngest { fixture, tenant, ingest, signer in
            let webhook = try await signer.webhook("01A")
            await fixture.database.shutdown()
            let error = await #expect(throws: GatewayError.self) {
                try await ingest.ingest(webhook, app: tenant.appID)
            }
            #expect(error?.code == .unavailable)
            #expect(error?.retryAfter != nil)
        }
    }
}
