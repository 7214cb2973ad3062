import Foundation
import Sandbox
import Testing

@Suite("Sandbox: the tables of tokens")
struct TokenTablesTests {
    var state = Samples.state()

    private func size(_ state: SandboxState) throws -> Int { try JSONEncoder().encode(state).count }

    @Test("What has expired is thrown out some time, app tokens and codes included")
    mutating func sweep() throws {
        var policy = TokenPolicy()
        policy.appTokenSeconds = 2
        for step in 0..<20_000 {
            let now = Samples.now + step
            if step.isMultiple(of: 2) {
                _ = try state.token(Samples.clientCredentials, policy: policy, at: now).get()
            } else {
                _ = state.code(policy: policy, at: now)
            }
        }
        #expect(try size(state) < 1_000_000)
    }

    @Test("A grant whose refresh tokens are long dead is forgotten, a live one is not")
    mutating func deadGrants() throws {
        var policy = TokenPolicy()
        policy.appTokenSeconds = 1
        let old = try state.login(policy: policy)
        let later = Samples.now + 61 * 86400
        let fresh = try state.login(policy: policy, at: later)
        for step in 0..<5000 {
            _ = try state.token(Samples.clientCredentials, policy: policy, at: later + step).get()
        }
        #expect(state.token(Samples.refresh(old.refreshToken!), policy: policy, at: later).refusal == .invalidGrant)
        #expect(state.token(Samples.refresh(fresh.refreshToken!), policy: policy, at: later).refusal == nil)
        #expect(state.disconnect(userID: 1001) == 1)
    }

    @Test("A reusable token is remembered for a while after its successors")
    mutating func rememberedTokens() throws {
        let first = try state.login().refreshToken!
        var newest = first
        for _ in 1...20 { newest = try state.token(Samples.refresh(newest)).get().refreshToken! }
        #expect(state.token(Samples.refresh(first)).refusal == nil)
        for _ in 1...200 { newest = try state.token(Samples.refresh(newest)).get().refreshToken! }
        #expect(state.token(Samples.refresh(first)).refusal == .invalidGrant)
        #expect(state.token(Samples.refresh(newest)).refusal == nil)
    }

    @Test("What is read from a file knows whose every token is")
    mutating func readAgain() throws {
        let first = try state.login()
        let second = try state.token(Samples.refresh(first.refreshToken!)).get()
        var again = try JSONDecoder().decode(SandboxState.self, from: try JSONEncoder().encode(state))
        #expect(again.bearer(of: first.accessToken, at: Samples.now) != nil)
        #expect(again.bearer(of: second.accessToken, at: Samples.now)?.userID == 1001)
        var policy = TokenPolicy()
        policy.oldAccessTokenDiesAtRefresh = true
        let third = try again.token(Samples.refresh(second.refreshToken!), policy: policy).get()
        #expect(again.bearer(of: first.accessToken, at: Samples.now) == nil)
        #expect(again.bearer(of: second.accessToken, at: Samples.now) == nil)
        again.revoke(third.refreshToken!)
        #expect(again.bearer(of: third.accessToken, at: Samples.now) == nil)
        #expect(again.token(Samples.refresh(third.refreshToken!)).refusal == .invalidGrant)
    }

    @Test("A file that an earlier version wrote is read")
    func earlierFile() throws {
        // One grant of nova's with the refresh token "old".
        let text = """
            {"apps":{"client":{"clientID":"client","clientSecret":"secret","redirectURIs":["http://localhost:9/cb"],
            "scopes":["user:read"],"isVerified":false}},"users":{},"subscriptions":[],"signingKeyPEM":"","codes":{},
            "accessTokens":{},"grants":{"G":{"clientID":"client","userID":1001,"scopes":["user:read"],
            "consentAt":1790769600000,"generation":3,"refreshCount":2,"refusedRefreshCount":0}},
            "refreshTokens":{"y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM-9Q":{"grantID":"G","generation":3,
            "issuedAt":1790769600000}}}
            """
        var state = try JSONDecoder().decode(SandboxState.self, from: Data(text.utf8))
        #expect(try state.token(Samples.refresh("old")).get().scopes == ["user:read"])
    }
}
