import HTTP
import Kick
import Model
import Net
import Postgres
import Store
import TestKit
import Testing

@testable import Gateway

@Suite("The check of subscriptions", .timeLimit(.minutes(1)))
struct SubscriptionCheckTests {
    private struct Unreachable: Error {}

    private static func check(
        _ stage: KickStage, publicURL: String = "https://gateway.example", memory: Duration = .zero,
        probe: @escaping SubscriptionCheck.Probe
    ) throws -> SubscriptionCheck {
        let store = SubscriptionStore(database: stage.fixture.database)
        let kick = try stage.kick()
        return SubscriptionCheck(
            subscribing: Subscribing(store: store), store: store, kick: kick,
            verifier: WebhookVerifier(loops: stage.fixture.loops) { try await kick.api.publicKey(deadline: $0) },
            publicURL: publicURL, probe: probe, memory: memory)
    }

    private static func verdicts(
        _ check: SubscriptionCheck, _ stage: KickStage
    ) async throws -> [String: SubscriptionCheck.Finding.Verdict] {
        let report = try await check.run(for: 5001, in: stage.tenant.id, deadline: .after(.seconds(30)))
        for finding in report.findings { #expect(finding.detail.hasSuffix(".") && finding.detail.count > 20) }
        #expect(report.works == !report.findings.contains { $0.verdict == .failed })
        return Dictionary(uniqueKeysWithValues: report.findings.map { ($0.name, $0.verdict) })
    }

    @Test("names what keeps events from coming, and what only should be known")
    func findings() async throws {
        try await KickStage.run { stage in
            _ = try await stage.makeLogin()
            let check = try Self.check(stage) { _ in true }
            let before = try await Self.verdicts(check, stage)
            #expect(before["login"] == .ok && before["public_url"] == .ok)
            #expect(before["subscriptions"] == .failed, "nothing was asked for yet")
            #expect(before["deliveries"] == .warning)
            // The sandbox has a key of its own.
            #expect(before["signing_key"] == .warning)

            let store = SubscriptionStore(database: stage.fixture.database)
            #expect(await SubscriptionReconciler(store: store, kick: try stage.kick()).reviewDue() == 1)
            try await store.record([
                SubscriptionDelivery(
                    app: stage.tenant.appID, broadcasterUserID: 5001, type: "chat.message.sent", subscriptionID: "S",
                    firstAt: .now(), lastAt: .now(), count: 1, longestGap: .zero)
            ])
            let after = try await Self.verdicts(check, stage)
            #expect(after["subscriptions"] == .ok && after["deliveries"] == .ok)

            try await stage.call(.post, "/sandbox/subscriptions/drop", ["event": "chat.message.sent"])
            let report = try await check.run(for: 5001, in: stage.tenant.id, deadline: .after(.seconds(30)))
            #expect(report.findings.first { $0.name == "subscriptions" }?.verdict == .warning)
            let chat = try #require(report.subscriptions.first { $0.subscription.type == "chat.message.sent" })
            #expect(chat.count == 0 && chat.subscription.state == .active)
            // Whatever was found, somebody looks after it now.
            #expect(await SubscriptionReconciler(store: store, kick: try stage.kick()).reviewDue() == 1)
        }
    }

    @Test("P16 who asks at the same time, or right after, gets the same report: Kick is asked once")
    func shared() async throws {
        try await KickStage.run { stage in
            _ = try await stage.makeLogin()
            let probes = Box(0)
            let check = try Self.check(stage, memory: .seconds(60)) { _ in
                probes.update { $0 += 1 }
                return true
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        _ = try await check.run(for: 5001, in: stage.tenant.id, deadline: .after(.seconds(30)))
                    }
                }
                try await group.waitForAll()
            }
            #expect(probes.value == 1)
            // An error is nobody's report.
            let other = try await stage.fixture.makeTenant("second")
            for _ in 1...2 {
                await #expect(throws: GatewayError.self) {
                    try await check.run(for: 5001, in: other.id, deadline: .after(.seconds(30)))
                }
            }
        }
    }

    @Test("what Kick refuses is named with Kick's words, and no wish at all is no working one")
    func refused() async throws {
        try await KickStage.run { stage in
            _ = try await stage.makeLogin()
            try await stage.call(.put, "/sandbox/subscriptions/policy", ["failing_types": ["moderation.banned"]])
            let store = SubscriptionStore(database: stage.fixture.database)
            #expect(await SubscriptionReconciler(store: store, kick: try stage.kick()).reviewDue() == 1)
            let check = try Self.check(stage) { _ in true }
            let report = try await check.run(for: 5001, in: stage.tenant.id, deadline: .after(.seconds(30)))
            let finding = try #require(report.findings.first { $0.name == "subscriptions" })
            #expect(finding.verdict == .failed && !report.works)
            #expect(finding.detail.contains("moderation.banned") && finding.detail.contains("failed to create"))
            _ = try await Subscribing(store: store).setWish([], for: 5001, in: stage.tenant.id)
            #expect(try await Self.verdicts(check, stage)["subscriptions"] == .failed)
        }
    }

    @Test("a public URL that does not lead here fails the check, one that is not https is no more than a warning")
    func publicURL() async throws {
        try await KickStage.run { stage in
            _ = try await stage.makeLogin()
            let stranger = try Self.check(stage) { _ in false }
            #expect(try await Self.verdicts(stranger, stage)["public_url"] == .failed)
            let unreachable = try Self.check(stage) { _ in throw Unreachable() }
            #expect(try await Self.verdicts(unreachable, stage)["public_url"] == .failed)
            let plain = try Self.check(stage, publicURL: "http://localhost:8080") { _ in true }
            #expect(try await Self.verdicts(plain, stage)["public_url"] == .warning)
        }
    }

    @Test(
        "Kick in trouble is a finding, not an error; a login without the scope is named; another's is not found (P14)")
    func trouble() async throws {
        try await KickStage.run { stage in
            _ = try await stage.makeLogin()
            let check = try Self.check(stage) { _ in true }
            try await stage.order(fault: ["target": "api", "status": 503])
            let verdicts = try await Self.verdicts(check, stage)
            #expect(verdicts["subscriptions"] == .failed)
            #expect(verdicts["login"] == .ok)
            _ = try await stage.fixture.database.execute("UPDATE logins SET scopes = '{}'")
            #expect(try await Self.verdicts(check, stage)["login"] == .failed)
            let second = try await stage.fixture.makeTenant("second")
            await #expect(throws: GatewayError.self) {
                try await check.run(for: 5001, in: second.id, deadline: .after(.seconds(30)))
            }
        }
    }
}
