import Kick
import Model
import Net
import Store
import Telemetry
import TestKit
import Testing

@testable import Gateway

@Suite("Drops claims", .timeLimit(.minutes(1)))
struct DropsClaimIngestTests {
    @Test(
        "P7, P9, P13 a claim is committed to the log of the app's tenant, once, as it came; again under another id it is marked"
    )
    func stored() async throws {
        try await IngestStage.run { stage, tenant in
            let claim = try await stage.signer.claim("01A", of: "claim-1")
            #expect(try await stage.ingest.ingest(claim, app: tenant.appID) == .stored(tenants: 1))
            #expect(try await stage.ingest.ingest(claim, app: tenant.appID) == .known)
            let again = try await stage.signer.claim("01B", of: "claim-1")
            #expect(try await stage.ingest.ingest(again, app: tenant.appID) == .stored(tenants: 1))
            let other = try await stage.signer.claim("01C", of: "claim-2")
            #expect(try await stage.ingest.ingest(other, app: tenant.appID) == .stored(tenants: 1))
            let events = try await stage.events(in: tenant)
            #expect(events.map(\.messageID) == ["01A", "01B", "01C"])
            #expect(events.map(\.duplicateOf) == [nil, 1, nil])
            #expect(events.map(\.cursor.sequence) == [1, 2, 3])
            #expect(events.allSatisfy { $0.type == "drops.claim" && $0.broadcasterUserID == 0 && $0.origin == .kick })
            #expect(events.first?.body == claim.body)
            // No subscription brought them.
            await stage.tracker.flush()
            #expect(stage.deliveries.value.isEmpty)
        }
    }

    @Test("P9 the same claim 50 times at once, half of them under another message id: one that is streamed")
    func concurrent() async throws {
        try await IngestStage.run { stage, tenant in
            let one = try await stage.signer.claim("01A", of: "claim-1")
            let two = try await stage.signer.claim("01B", of: "claim-1")
            let replicas = [stage.ingest, IngestStage.replica(stage.fixture)]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask(executorPreference: stage.fixture.loops.loops[number % 2]) {
                        let outcome = try await replicas[number / 2 % 2].ingest(
                            number % 3 == 0 ? one : two, app: tenant.appID)
                        #expect(outcome == .known || outcome == .stored(tenants: 1))
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await stage.events(in: tenant).map(\.duplicateOf) == [nil, 1])
        }
    }

    @Test("P10 claims and webhooks share the numbers of the log, without a hole")
    func numbers() async throws {
        try await IngestStage.run { stage, tenant in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<60 {
                    group.addTask(executorPreference: stage.fixture.loops.loops[number % 2]) {
                        if number % 2 == 0 {
                            let claim = try await stage.signer.claim("c\(number)", of: "claim-\(number)")
                            #expect(try await stage.ingest.ingest(claim, app: tenant.appID) == .stored(tenants: 1))
                        } else {
                            let webhook = try await stage.signer.webhook("w\(number)")
                            #expect(try await stage.ingest.ingest(webhook, app: tenant.appID) == .stored(tenants: 1))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await stage.events(in: tenant).map(\.cursor.sequence) == Array(1...60))
        }
    }

    @Test("P14 a claim of an app that several tenants use, or none, is nobody's, and is not acknowledged")
    func nobodys() async throws {
        try await IngestStage.run { stage, tenant in
            let other = try await stage.fixture.makeTenant("other")
            let claim = try await stage.signer.claim("01A", of: "claim-1")
            #expect(other.appID == tenant.appID)
            #expect(try await stage.ingest.ingest(claim, app: tenant.appID) == .unwanted(.noSingleTenant))
            #expect(
                try await stage.ingest.ingest(claim, app: AppID(unchecked: "app_other")) == .unwanted(.noSingleTenant))
            #expect(try await stage.events(in: tenant).isEmpty)
            #expect(try await stage.events(in: other).isEmpty)
            #expect(stage.ingest.counters.unwanted[.noSingleTenant].value == 2)
        }
    }
}
