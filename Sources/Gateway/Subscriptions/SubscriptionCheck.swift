import Crypto
package import Kick
package import Model
package import Net
package import Store

/// Looks at everything between Kick and a tenant's log, for a person who wonders why nothing comes.
package struct SubscriptionCheck: Sendable {
    /// One thing that was looked at.
    package struct Finding: Sendable, Equatable {
        package enum Verdict: String, Sendable, Codable {
            case ok
            /// It may work, and something about it should be known.
            case warning
            /// Events cannot come like this.
            case failed
        }

        package let name: String
        package let verdict: Verdict
        /// A sentence or two for a person.
        package let detail: String
    }

    package struct Report: Sendable {
        package let broadcasterUserID: Int64
        package let findings: [Finding]
        package let subscriptions: [Listed]
        /// Whether nothing was found that keeps events from coming.
        package var works: Bool { !findings.contains { $0.verdict == .failed } }

        /// A wanted type, with the number of subscriptions that Kick lists; nil when Kick could not be asked.
        package struct Listed: Sendable {
            package let subscription: EventSubscription
            package let count: Int?
        }
    }

    /// Asks the gateway's own public URL for what only the gateway answers, as anybody outside would: whether it does.
    package typealias Probe = @Sendable (Deadline) async throws -> Bool

    private let subscribing: Subscribing
    private let store: SubscriptionStore
    private let kick: KickAccess
    private let verifier: WebhookVerifier
    private let publicURL: String
    private let probe: Probe
    private let onKickAnswer: @Sendable (AppID) -> Void
    private let recent: RecentChecks

    /// - Parameters:
    ///   - memory: how long a report is good for others who ask.
    ///   - onKickAnswer: hears of an app that Kick has just answered for.
    package init(
        subscribing: Subscribing, store: SubscriptionStore, kick: KickAccess, verifier: WebhookVerifier,
        publicURL: String, probe: @escaping Probe, memory: Duration = .seconds(5),
        onKickAnswer: @escaping @Sendable (AppID) -> Void = { _ in }
    ) {
        self.subscribing = subscribing
        self.store = store
        self.kick = kick
        self.verifier = verifier
        self.publicURL = publicURL
        self.probe = probe
        self.onKickAnswer = onKickAnswer
        recent = RecentChecks(age: memory)
    }

    /// Everything at once, by the deadline; and has the broadcaster reviewed, whatever is found. Who asks again within
    /// seconds gets the same report: a check costs calls of an app that others use, too.
    ///
    /// Throws `notFound` when the tenant has no login of the broadcaster.
    package func run(for broadcasterUserID: Int64, in tenant: TenantID, deadline: Deadline) async throws -> Report {
        let (promise, isFirst) = recent.join(tenant, broadcasterUserID)
        if isFirst {
            do {
                promise.fulfil(.success(try await look(at: broadcasterUserID, in: tenant, deadline: deadline)))
            } catch {
                recent.forget(tenant, broadcasterUserID)
                promise.fulfil(.failure(error))
            }
        }
        guard let result = await promise.value(until: deadline) else {
            throw GatewayError(.unavailable, "a check of this broadcaster is under way", retryAfter: 5)
        }
        return try result.get()
    }

    private func look(at broadcasterUserID: Int64, in tenant: TenantID, deadline: Deadline) async throws -> Report {
        let status = try await subscribing.status(of: broadcasterUserID, in: tenant)
        async let reachable = publicURLFinding(deadline)
        async let key = keyFinding(deadline)
        async let listed = list(broadcasterUserID, app: status.wish.appID, deadline)
        let list = await listed
        var findings = [Self.loginFinding(status.wish), await reachable, await key]
        findings.append(Self.listFinding(list, status))
        findings.append(Self.deliveryFinding(status))
        try await store.hasten([broadcasterUserID], app: status.wish.appID, within: .zero)
        let counts = try? list.get()
        return Report(
            broadcasterUserID: broadcasterUserID, findings: findings,
            subscriptions: status.subscriptions.map { subscription in
                Report.Listed(
                    subscription: subscription,
                    count: counts.map { all in all.count { $0.type.rawValue == subscription.type } })
            })
    }

    // MARK: What is looked at

    private static func loginFinding(_ wish: SubscriptionWish) -> Finding {
        if !wish.isPermitted {
            return Finding(
                name: "login", verdict: .failed,
                detail: "The broadcaster has not granted events:subscribe. Send a connect link that asks for it.")
        }
        guard wish.loginState == .connected else {
            return Finding(
                name: "login", verdict: .warning,
                detail: """
                    Kick takes none of the login's tokens any more: the broadcaster must connect again. Subscriptions that exist \
                    go on; new ones are not made.
                    """)
        }
        return Finding(name: "login", verdict: .ok, detail: "The login is connected and may have events.")
    }

    private func publicURLFinding(_ deadline: Deadline) async -> Finding {
        let address = publicURL + "/webhooks/kick"
        do {
            guard try await probe(deadline) else {
                return Finding(
                    name: "public_url", verdict: .failed,
                    detail: """
                        Something else than this gateway answers at \(address). Check GATEWAY_PUBLIC_URL and the proxy in front.
                        """)
            }
        } catch {
            return Finding(
                name: "public_url", verdict: .failed,
                detail:
                    "\(address) cannot be reached from here (\(error)). Check GATEWAY_PUBLIC_URL, DNS, proxy and certificate."
            )
        }
        guard publicURL.hasPrefix("https://") else {
            return Finding(
                name: "public_url", verdict: .warning,
                detail: """
                    \(address) answers, and is not https: fine with the sandbox, but Kick itself delivers to public https addresses.
                    """)
        }
        return Finding(
            name: "public_url", verdict: .ok,
            detail:
                "\(address) answers. It has to be the webhook URL of the app in Kick's developer settings, switched on."
        )
    }

    private func keyFinding(_ deadline: Deadline) async -> Finding {
        do {
            let key = try await kick.api.publicKey(deadline: deadline)
            guard verifier.trustedFingerprints.contains(Hex.encode(key.fingerprint)) else {
                return Finding(
                    name: "signing_key", verdict: .warning,
                    detail: "Kick has a new signing key. It is taken over with the first delivery that it signed.")
            }
            return Finding(
                name: "signing_key", verdict: .ok, detail: "Kick's signing key is the one that is trusted here.")
        } catch {
            return Finding(
                name: "signing_key", verdict: .warning,
                detail: "Kick's signing key could not be fetched (\(error)). Deliveries are checked with the known one."
            )
        }
    }

    private func list(
        _ broadcaster: Int64, app: AppID, _ deadline: Deadline
    ) async -> Result<[KickSubscription], any Error> {
        do {
            let all = try await kick.withAppToken(of: app) { [kick] token throws(KickError) in
                try await kick.api.subscriptions(broadcasterUserID: broadcaster, token: token, deadline: deadline)
            }
            onKickAnswer(app)
            return .success(all.filter { $0.broadcasterUserID ?? broadcaster == broadcaster })
        } catch {
            return .failure(error)
        }
    }

    private static func listFinding(
        _ list: Result<[KickSubscription], any Error>, _ status: Subscribing.Status
    ) -> Finding {
        let wanted = status.subscriptions.map(\.type)
        switch list {
        case .failure(let error):
            let reason = (error as? GatewayError)?.message ?? "\(error)"
            return Finding(
                name: "subscriptions", verdict: .failed,
                detail: "Kick does not list the app's subscriptions: \(reason).")
        case .success(let listed):
            guard !wanted.isEmpty else {
                return Finding(name: "subscriptions", verdict: .failed, detail: "No event types are wanted.")
            }
            let missing = status.subscriptions.filter { row in !listed.contains { $0.type.rawValue == row.type } }
            let refused = missing.filter { $0.state == .failed || $0.state == .limited }
            if let first = refused.first {
                return Finding(
                    name: "subscriptions", verdict: .failed,
                    detail: """
                        Kick refuses \(Self.names(refused)): "\(first.lastError ?? "without a reason")". It is asked again, at \
                        growing intervals.
                        """)
            }
            if !missing.isEmpty {
                return Finding(
                    name: "subscriptions", verdict: missing.count == wanted.count ? .failed : .warning,
                    detail: """
                        Kick does not list \(Self.names(missing)). Its list may be minutes old: what is still missing in two \
                        minutes, and delivers nothing until then, is asked for again.
                        """)
            }
            return Finding(
                name: "subscriptions", verdict: .ok,
                detail: "Kick lists all \(wanted.count) event types that are wanted.")
        }
    }

    private static func names(_ subscriptions: [EventSubscription]) -> String {
        subscriptions.map(\.type).joined(separator: ", ")
    }

    private static func deliveryFinding(_ status: Subscribing.Status) -> Finding {
        let silent = status.subscriptions.filter { $0.state == .silent }.map(\.type)
        let last = status.subscriptions.compactMap(\.lastDeliveryAt).max()
        guard let last else {
            return Finding(
                name: "deliveries", verdict: .warning,
                detail: """
                    Nothing has been delivered since the types were asked for. Write something in the channel's chat: it should come within seconds. If it \
                    does not, see that webhooks are switched on in Kick's developer settings.
                    """)
        }
        guard silent.isEmpty else {
            return Finding(
                name: "deliveries", verdict: .warning,
                detail:
                    "The last delivery was at \(last). Silent for far longer than usual: \(silent.joined(separator: ", "))."
            )
        }
        return Finding(name: "deliveries", verdict: .ok, detail: "The last delivery was at \(last).")
    }
}
