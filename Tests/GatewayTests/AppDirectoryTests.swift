import Model
import Postgres
import Store
import Telemetry
import TestKit
import Testing

@testable import Gateway

@Suite("AppDirectory", .timeLimit(.minutes(1)))
struct AppDirectoryTests {
    @Test("P16 a webhook's app is found in memory, old as it may be, while the database is away; nobody else's is")
    func withoutDatabase() async throws {
        try await StoreFixture.run { fixture in
            let tenant = try await fixture.makeTenant()
            let apps = AppDirectory(store: fixture.tenants, lifetime: .zero)
            #expect(try await apps.app(deliveredTo: nil)?.app.id == tenant.appID)
            await fixture.database.shutdown()
            #expect(try await apps.app(deliveredTo: nil)?.app.id == tenant.appID)
            #expect(try await apps.app(deliveredTo: tenant.appID)?.app.id == tenant.appID)
            await #expect(throws: DatabaseError.self) { try await apps.app(nil) }
            await #expect(throws: DatabaseError.self) { try await apps.app(deliveredTo: AppID(unchecked: "app_x")) }
        }
    }

    @Test("an app that was made meanwhile is found by its webhooks")
    func newApp() async throws {
        try await StoreFixture.run { fixture in
            _ = try await fixture.makeTenant()
            let apps = AppDirectory(store: fixture.tenants)
            #expect(try await apps.app(deliveredTo: nil) != nil)
            let app = try await fixture.tenants.put(
                fixture.id(AppID.self), name: "b", clientID: "b", clientSecret: Secret("b"), isDefault: false)
            apps.forget()
            #expect(try await apps.app(deliveredTo: app)?.app.id == app)
        }
    }
}
