import Crypto

// The tables of codes, tokens and grants: each entry costs the same however many there are, because what is over is
// thrown out only when a table has doubled.
extension SandboxState {
    /// Used refresh tokens of a grant that are remembered. More would let the state file grow with every refresh.
    private static let rememberedTokens = 32
    /// Below this nothing is thrown out.
    private static let smallestSweep = 4096

    typealias GrantIndex = Dictionary<String, Grant>.Index

    // MARK: Adding

    mutating func addGrant(clientID: String, userID: Int, scopes: [String], at now: SandboxTime) -> GrantIndex {
        let id = ULID.make().description
        grants[id] = Grant(clientID: clientID, userID: userID, scopes: scopes, consentAt: now)
        return grants.index(forKey: id)!
    }

    mutating func add(_ token: AccessToken, _ hash: SecretHash, to grant: GrantIndex, at now: SandboxTime) {
        accessTokens[hash] = token
        grants.values[grant].accessTokens.append(hash)
        guard grants.values[grant].accessTokens.isDue else { return }
        var kept: [SecretHash] = []
        for hash in grants.values[grant].accessTokens.hashes {
            if let token = accessTokens[hash], now < token.expiresAt {
                kept.append(hash)
            } else {
                accessTokens[hash] = nil
            }
        }
        grants.values[grant].accessTokens.replace(with: kept)
    }

    mutating func add(_ token: RefreshToken, _ hash: SecretHash, to grant: GrantIndex) {
        refreshTokens[hash] = token
        grants.values[grant].refreshTokens.append(hash)
        guard grants.values[grant].refreshTokens.isDue else { return }
        let hashes = grants.values[grant].refreshTokens.hashes
        var surplus = hashes.count { refreshTokens[$0]?.usedAt != nil } - Self.rememberedTokens
        var kept: [SecretHash] = []
        for hash in hashes {
            if surplus > 0, refreshTokens[hash]?.usedAt != nil {
                refreshTokens[hash] = nil
                surplus -= 1
            } else {
                kept.append(hash)
            }
        }
        grants.values[grant].refreshTokens.replace(with: kept)
    }

    // MARK: Taking away

    mutating func revokeGrant(_ id: String) {
        guard let grant = grants.removeValue(forKey: id) else { return }
        for hash in grant.refreshTokens.hashes { refreshTokens[hash] = nil }
        for hash in grant.accessTokens.hashes { accessTokens[hash] = nil }
    }

    mutating func forgetAccessTokens(of grant: GrantIndex) {
        for hash in grants.values[grant].accessTokens.hashes { accessTokens[hash] = nil }
        grants.values[grant].accessTokens.replace(with: [])
    }

    /// Throws out what is over, if there is twice as much as the last time something was left.
    mutating func sweepIfDue(policy: TokenPolicy, at now: SandboxTime) {
        guard codes.count + accessTokens.count + refreshTokens.count >= max(sweepCount, Self.smallestSweep) else {
            return
        }
        codes = codes.filter { now < $0.value.expiresAt }
        accessTokens = accessTokens.filter { now < $0.value.expiresAt }
        // A grant whose every refresh token is too old stays until a month later, so that the control API can show it.
        let gone = now + -(policy.refreshTokenSeconds + 30 * 86400)
        refreshTokens = refreshTokens.filter { gone < $0.value.issuedAt }
        var index = grants.startIndex
        while index != grants.endIndex {
            let (old, young) = (grants.values[index].refreshTokens.hashes, grants.values[index].accessTokens.hashes)
            grants.values[index].refreshTokens.replace(with: old.filter { refreshTokens[$0] != nil })
            grants.values[index].accessTokens.replace(with: young.filter { accessTokens[$0] != nil })
            grants.formIndex(after: &index)
        }
        grants = grants.filter { !$0.value.refreshTokens.hashes.isEmpty }
        sweepCount = 2 * (codes.count + accessTokens.count + refreshTokens.count)
    }

    /// Makes every grant's lists anew from the tables.
    mutating func listTokens() {
        for (hash, token) in refreshTokens.sorted(by: { $0.value.generation < $1.value.generation }) {
            grants[token.grantID]?.refreshTokens.append(hash)
        }
        for (hash, token) in accessTokens.sorted(by: { $0.value.generation < $1.value.generation }) {
            if let id = token.grantID { grants[id]?.accessTokens.append(hash) }
        }
    }
}
