import Crypto
import Foundation
import HTTP
import HTTPClient
import Kick
import Model
import Net
import Sandbox
import Store
import Telemetry
import TestKit
import Testing

@testable import Gateway

@Suite("Connecting", .timeLimit(.minutes(1)))
struct ConnectingTests {
    private static let publicURL = HTTPURL("http://localhost:9")!

    /// Runs with a sandbox that sends browsers back to ``publicURL``, and knows a user nova (1001).
    private static func run(
        ticked: [String]? = nil, _ body: @escaping @Sendable (KickStage, Connecting) async throws -> Void
    ) async throws {
        try await KickStage.run { configuration in
            configuration.app.redirectURIs = ["http://localhost:9/auth/kick/callback"]
            if let ticked { configuration.app.scopes = ticked }
        } _: { stage in
            for (id, name) in [(1001, "nova"), (1002, "pixel")] {
                try await stage.call(.post, "/sandbox/users", ["id": id, "username": name])
            }
            let connecting = Connecting(
                store: stage.fixture.connects, logins: stage.fixture.logins, kick: try stage.kick(),
                publicURL: publicURL)
            try await body(stage, connecting)
        }
    }

    /// One trip of a browser: opens the link, clicks at Kick; what it comes back with.
    private static func travel(
        _ link: HTTPURL, as user: Int, _ stage: KickStage, _ connecting: Connecting
    ) async throws -> (state: String, code: String, browser: String) {
        let token = try #require(QueryItems(parsing: link.query)?["link"])
        let departure = try await connecting.begin(linkToken: token)
        var form = try #require(QueryItems(parsing: departure.authorizeURL.query))
        form.append("user_id", String(user))
        form.append("decision", "allow")
        var request = OutboundRequest(.post, HTTPURL(stage.sandbox + "/oauth/authorize")!)
        request.fields.set(.contentType, FormURLEncoded.contentType)
        request.body = FormURLEncoded.encode(form)
        let answer = try await stage.client.send(request, deadline: .after(.seconds(20)))
        let back = try #require(HTTPURL(answer.fields[.location] ?? ""))
        let query = try #require(QueryItems(parsing: back.query))
        return (query["state"] ?? "", query["code"] ?? "", departure.browserToken.reveal())
    }

    private static func connect(
        _ user: Int, scopes: [String]? = nil, login: LoginID? = nil, _ stage: KickStage, _ connecting: Connecting
    ) async throws -> Login {
        let link = try await connecting.createLink(
            scopes: scopes, login: login, lifetime: .seconds(600), in: stage.tenant.id)
        let trip = try await travel(link.url, as: user, stage, connecting)
        return try await connecting.complete(state: trip.state, code: trip.code, browserToken: trip.browser)
    }

    private static func payloads(_ stage: KickStage) async throws -> [[String: Any]] {
        try await stage.fixture.log.read(after: 0, limit: 100, in: stage.tenant.id).compactMap {
            var payload = try JSONSerialization.jsonObject(with: Data($0.body)) as? [String: Any]
            payload?["type"] = $0.type.replacing("gateway.login.", with: "")
            return payload
        }
    }

    @Test("what was asked and what was granted are both kept, and the log tells of the difference")
    func scopes() async throws {
        try await Self.run(ticked: ["user:read", "events:subscribe"]) { stage, connecting in
            let login = try await Self.connect(1001, scopes: ["chat:write", "events:subscribe"], stage, connecting)
            #expect(login.askedScopes == ["user:read", "chat:write", "events:subscribe"])
            #expect(Set(login.scopes) == ["user:read", "events:subscribe"])
            #expect(login.missingScopes == ["chat:write"])
            let told = try #require(try await Self.payloads(stage).first)
            #expect(told["type"] as? String == "connected" && told["login_id"] as? String == login.id.text)
            #expect(told["kick_user_id"] as? Int == 1001 && told["username"] as? String == "nova")
            #expect(told["state"] as? String == "connected" && told["reason"] is NSNull)
            #expect(told["missing_scopes"] as? [String] == ["chat:write"])
            #expect((told["at"] as? String).flatMap { Timestamp(parsing: $0) } != nil)
        }
    }

    @Test(
        "P14, P1 a login is told of when it comes, comes back, or changes what it may do, and not otherwise; its id stays"
    )
    func transitions() async throws {
        try await Self.run { stage, connecting in
            let login = try await Self.connect(1001, stage, connecting)
            #expect(try await Self.connect(1001, stage, connecting).id == login.id)
            #expect(try await Self.payloads(stage).compactMap { $0["type"] as? String } == ["connected"])

            let more = try await Self.connect(
                1001, scopes: ["channel:read", "events:subscribe", "chat:write"], stage, connecting)
            #expect(more.scopes.contains("chat:write"))
            #expect(try await Self.payloads(stage).compactMap { $0["type"] as? String } == ["connected", "connected"])

            for (change, told) in [
                ("state = 'reconnect_required'", "recovered"), ("failing_announced = true", "recovered"),
                ("state = 'disconnected', disconnected_at = now(), teardown_due_at = now()", "connected"),
            ] {
                try await stage.fixture.testDatabase.psql("UPDATE logins SET \(change)")
                let again = try await Self.connect(1001, login: login.id, stage, connecting)
                #expect(again.id == login.id && again.state == .connected && !again.isFailingAnnounced)
                // A link for a login asks for what that was asked for.
                #expect(again.askedScopes == more.askedScopes)
                #expect(try await Self.payloads(stage).last?["type"] as? String == told)
            }
            #expect(try await Self.payloads(stage).count == 5)
        }
    }

    @Test("a link for one login takes no other account, says so, and can be used again by the right one")
    func otherAccount() async throws {
        try await Self.run { stage, connecting in
            let login = try await Self.connect(1001, stage, connecting)
            let link = try await connecting.createLink(
                scopes: nil, login: login.id, lifetime: .seconds(600), in: stage.tenant.id)
            let stranger = try await Self.travel(link.url, as: 1002, stage, connecting)
            do {
                _ = try await connecting.complete(
                    state: stranger.state, code: stranger.code, browserToken: stranger.browser)
                Issue.record("a stranger was connected")
            } catch let error as GatewayError {
                #expect(error.code == .forbidden)
                #expect(error.message.contains("nova") && error.message.contains("pixel"))
            }
            #expect(try await stage.fixture.logins.logins(in: stage.tenant.id).count == 1)
            let owner = try await Self.travel(link.url, as: 1001, stage, connecting)
            let again = try await connecting.complete(
                state: owner.state, code: owner.code, browserToken: owner.browser)
            #expect(again.id == login.id)

            let second = try await stage.fixture.makeTenant("second")
            await #expect(throws: GatewayError.self, "P14") {
                try await connecting.createLink(scopes: nil, login: login.id, lifetime: .seconds(600), in: second.id)
            }
        }
    }

    @Test("a grant without user:read is refused in words that say what to do, and uses up no link")
    func unnamed() async throws {
        try await Self.run(ticked: ["events:subscribe"]) { stage, connecting in
            let link = try await connecting.createLink(
                scopes: nil, login: nil, lifetime: .seconds(600), in: stage.tenant.id)
            let trip = try await Self.travel(link.url, as: 1001, stage, connecting)
            do {
                _ = try await connecting.complete(state: trip.state, code: trip.code, browserToken: trip.browser)
                Issue.record("an unnamed grant was stored")
            } catch let error as GatewayError {
                #expect(error.code == .forbidden && error.message.contains("user:read"))
                #expect(error.message.contains("settings"))
            }
            _ = try await Self.travel(link.url, as: 1001, stage, connecting)
        }
    }

    @Test("a trip that was interrupted leaves the link usable; each state works once, in its own browser only")
    func states() async throws {
        try await Self.run { stage, connecting in
            let link = try await connecting.createLink(
                scopes: nil, login: nil, lifetime: .seconds(600), in: stage.tenant.id)
            func refused(_ state: String, _ code: String, _ browser: String?) async throws {
                do {
                    _ = try await connecting.complete(state: state, code: code, browserToken: browser)
                    Issue.record("a trip that must not count was completed")
                } catch let error as GatewayError {
                    #expect(error.code == .forbidden)
                }
            }
            let first = try await Self.travel(link.url, as: 1001, stage, connecting)
            let second = try await Self.travel(link.url, as: 1001, stage, connecting)
            try await refused(first.state, first.code, second.browser)
            // Whoever tries spends the state: the right browser cannot use it either.
            try await refused(first.state, first.code, first.browser)
            let third = try await Self.travel(link.url, as: 1001, stage, connecting)
            try await refused(third.state, third.code, nil)
            _ = try await connecting.complete(
                state: second.state, code: second.code, browserToken: second.browser)
            try await refused(second.state, second.code, second.browser)
        }
    }
}
