import Foundation
import HTTP
import HTTPClient
import Kick
import Net
import Sandbox
import Testing

@Suite("Sandbox over HTTP: grants, refreshes, policy", .timeLimit(.minutes(1)))
struct GrantsOverHTTPTests {
    // MARK: Grants

    @Test("Many grants at once, each with a pair that works")
    func manyGrants() async throws {
        try await Bench.with { bench in
            let answer = try await bench.control(
                "/sandbox/grants",
                ["count": 300, "first_user_id": 5000, "scopes": ["user:read"], "access_token_seconds": 9])
            let rows = try #require(answer["data"]?.arrayValue)
            #expect(rows.map { $0["user_id"]?.integerValue } == Array(5000..<5300))
            #expect(Set(rows.compactMap { $0["refresh_token"]?.stringValue }).count == 300)
            let last = try #require(rows.last)
            #expect(last["expires_in"] == 9)
            #expect(last["scope"] == "user:read")
            let users = try await bench.api(
                .get, "/public/v1/users", token: try #require(last["access_token"]?.stringValue))
            #expect(users.json["data"]?.arrayValue?.first?["name"] == "user5299")
            // Only the first pair has the life that was asked for.
            let refreshed = try await bench.form(
                "/oauth/token", Samples.refresh(try #require(last["refresh_token"]?.stringValue)))
            #expect(refreshed.json["expires_in"] == 7200)
        }
    }

    @Test("With hundreds of users the pages stay short on demand")
    func shortPages() async throws {
        try await Bench.with { bench in
            try await bench.control("/sandbox/grants", ["count": 300, "first_user_id": 5000])
            try await bench.subscribe(to: [.channelFollowed, .kicksGifted])
            let state = try await bench.send(.get, "/sandbox/state", query: ["limit": "1"]).json
            #expect(state["users"]?.arrayValue?.count == 1)
            #expect(state["user_count"] == 302)
            #expect(state["subscriptions"]?.arrayValue?.count == 1)
            #expect(state["subscription_count"] == 2)
            #expect(try await bench.state["users"]?.arrayValue?.count == 302)
            var query = QueryItems()
            for (name, value) in Samples.authorize { query.append(name, value) }
            let page = try await bench.send(.get, "/oauth/authorize", query: query)
            #expect(page.text.contains("and 202 more"))
        }
    }

    @Test("Users by id; one who exists stays as he is; unticked scopes are left out")
    func namedUsers() async throws {
        try await Bench.with {
            $0.app.scopes = ["user:read", "chat:write"]
        } _: { bench in
            let answer = try await bench.control("/sandbox/grants", ["users": [1001, 7]])
            #expect(
                answer["data"]?.arrayValue?.map { $0["scope"] } == ["user:read chat:write", "user:read chat:write"])
            let state = try await bench.state
            #expect(state["users"]?.arrayValue?.map { $0["username"] } == ["user7", "nova", "pixel"])
            let fewer = try await bench.control(
                "/sandbox/grants", ["users": [8], "scopes": ["user:read", "ads:read"]])
            #expect(fewer["data"]?.arrayValue?.first?["scope"] == "user:read")
        }
    }

    @Test(
        "A wrong order of grants is refused with the reason",
        arguments: [
            "{}", "[]", #"{"count":3}"#, #"{"users":[]}"#, #"{"users":[1,1]}"#, #"{"users":[0]}"#,
            #"{"users":[1],"count":1,"first_user_id":1}"#, #"{"count":20001,"first_user_id":1}"#,
            #"{"count":1,"first_user_id":0}"#, #"{"users":[1],"scopes":["fly"]}"#, #"{"users":["a"]}"#,
            #"{"users":[1],"access_token_seconds":0}"#, #"{"users":[1],"acess_token_seconds":1}"#,
        ])
    func wrongGrants(text: String) throws {
        #expect(throws: SandboxError.self) { try GrantOrder(JSON(parsing: text)!) }
    }

    @Test("There are no grants for an app that does not exist, nor for a page elsewhere")
    func noGrants() async throws {
        try await Bench.with { bench in
            try await bench.control("/sandbox/grants", ["users": [1], "client_id": "other"], status: .notFound)
            try await bench.control("/sandbox/grants", ["users": [1], "scopes": "all"], status: .badRequest)
            let foreign = try await bench.send(
                .post, "/sandbox/grants", fields: [.origin: "http://evil.example"], body: Array(#"{"users":[1]}"#.utf8))
            #expect(foreign.status == .forbidden)
        }
    }

    // MARK: The truth about refreshes

    @Test("Two refreshes of one login at once, and the second use of a token, come to light")
    func concurrentRefreshes() async throws {
        try await Bench.with { bench in
            let token = try await bench.login().refresh
            let other = try await bench.login(["user_id": "1002"]).refresh
            try await bench.put("/sandbox/policy", ["token_delay_ms": 1000])
            async let first = bench.form("/oauth/token", Samples.refresh(token))
            async let second = bench.form("/oauth/token", Samples.refresh(token))
            async let third = bench.form("/oauth/token", Samples.refresh(other))
            for answer in [try await first, try await second, try await third] { #expect(answer.status == .ok) }

            let all = try await bench.refreshes(["grants": "1", "bucket_seconds": "60"])
            #expect(all["refreshes"] == 3)
            #expect(all["refused"] == 0)
            #expect(all["max_in_flight"] == 2)
            #expect(all["grants_with_concurrent_refreshes"] == 1)
            #expect(all["max_token_requests_in_flight"] == 3)
            #expect(all["token_requests_in_flight"] == 0)
            #expect((all["max_open_connections"]?.integerValue ?? 0) >= 3)
            #expect(all["superseded_uses"] == 1)
            #expect(all["superseded_one_back"] == 1)
            #expect(all["superseded_accepted"] == 1)
            let counts = try #require(all["histogram"]?["counts"]?.arrayValue)
            #expect(counts.reduce(0) { $0 + ($1.integerValue ?? 0) } == 3)
            let rows = try #require(all["grants"]?.arrayValue)
            #expect(rows.map { $0["user_id"] } == [1001, 1002])
            #expect(rows.map { $0["max_in_flight"] } == [2, 1])
            #expect(rows.map { $0["generation"] } == [3, 2])
            #expect(try await bench.refreshes(["user_id": "1002"])["grants"]?.arrayValue?.count == 1)

            let reset = try await bench.send(.post, "/sandbox/refreshes/reset")
            #expect(reset.status == .noContent)
            let fresh = try await bench.refreshes()
            #expect(fresh["refreshes"] == 0)
            #expect(fresh["max_in_flight"] == 0)
            #expect(fresh["histogram"]?["counts"] == [])
            #expect(
                try await bench.send(.get, "/sandbox/refreshes", query: ["bucket_seconds": "0"]).status == .badRequest)
        }
    }

    @Test("Refused refreshes are counted, those with unknown tokens too")
    func refusedRefreshes() async throws {
        try await Bench.with {
            $0.tokens.refreshMode = .singleUse
        } _: { bench in
            let token = try await bench.login().refresh
            #expect(try await bench.form("/oauth/token", Samples.refresh(token)).status == .ok)
            #expect(try await bench.form("/oauth/token", Samples.refresh(token)).status == .badRequest)
            #expect(try await bench.form("/oauth/token", Samples.refresh("nonsense")).status == .badRequest)
            let all = try await bench.refreshes()
            #expect(all["refreshes"] == 1)
            #expect(all["refused"] == 2)
            #expect(all["refused_unknown"] == 1)
            #expect(all["superseded_uses"] == 1)
            #expect(all["superseded_accepted"] == 0)
        }
    }

    @Test("A client that hung up has no refresh in flight any more", arguments: [true, false])
    func hungUp(hangsUp: Bool) async throws {
        try await Bench.with { bench in
            let token = try await bench.login().refresh
            try await bench.control("/sandbox/faults", ["target": "token", "delay_ms": 20_000])
            var items = QueryItems()
            for (name, value) in Samples.refresh(token) { items.append(name, value) }
            let body = FormURLEncoded.encode(items)
            let address = SocketAddress.ipv4([127, 0, 0, 1], port: UInt16(bench.base.port))
            let stream = try await ByteStream.connect(to: address, deadline: .after(.seconds(5)))
            defer { stream.close() }
            let head =
                "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n"
                + "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            try await stream.write(Array(head.utf8) + body, deadline: .after(.seconds(5)))
            while try await bench.refreshes()["token_requests_in_flight"] != 1 {
                try await sleep(for: .milliseconds(2))
            }
            if hangsUp { stream.close() }
            #expect(try await bench.form("/oauth/token", Samples.refresh(token)).status == .ok)
            #expect(try await bench.refreshes()["max_in_flight"] == (hangsUp ? 1 : 2))
        }
    }

    // MARK: Policy

    @Test("The policy changes while it runs; a wrong change changes nothing")
    func policy() async throws {
        try await Bench.with { bench in
            let token = try await bench.login().refresh
            let changed = try await bench.put(
                "/sandbox/policy",
                [
                    "refresh_mode": "single_use_with_grace(5)", "access_token_seconds": 5, "app_token_seconds": 6,
                    "refresh_token_seconds": 7, "refresh_age_counts_from_consent": true, "code_seconds": 8,
                    "superseded_revokes_grant": true, "old_access_token_dies": true, "invalid_grant_status": 401,
                    "token_delay_ms": 1,
                ])
            #expect(
                changed.text
                    == #"{"refresh_mode":"single_use_with_grace(5)","access_token_seconds":5,"app_token_seconds":6,"#
                    + #""refresh_token_seconds":7,"refresh_age_counts_from_consent":true,"code_seconds":8,"#
                    + #""superseded_revokes_grant":true,"old_access_token_dies":true,"invalid_grant_status":401,"#
                    + #""token_delay_ms":1}"#)
            #expect(try await bench.form("/oauth/token", Samples.refresh(token)).json["expires_in"] == 5)
            #expect(try await bench.form("/oauth/token", Samples.refresh("nonsense")).status == .unauthorized)
            for wrong: JSON in [
                ["code_seconds": 1, "refresh_mode": "sometimes"], ["code_seconds": 1, "invalid_grant_status": 403],
                ["code_seconds": 1, "colour": "red"], ["code_seconds": 1, "token_delay_ms": -1], [],
            ] {
                let answer = try await bench.put("/sandbox/policy", wrong, status: .badRequest)
                #expect(answer["error"]?.stringValue?.isEmpty == false)
            }
            #expect(try await bench.send(.get, "/sandbox/policy").text == changed.text)
        }
    }
}
