import Crypto
package import Model
import Net
package import Store
import Telemetry

/// Carries a request out at most once, however often it comes with the same `Idempotency-Key`
/// (draft-ietf-httpapi-idempotency-key-header): whoever repeats it gets the answer of the first time.
///
/// A key stands for one request of one tenant for a day. What decides is a row in the database, so it does not matter
/// which replica a repetition reaches.
package struct Idempotency: Sendable {
    /// A request and the key that its caller gave it.
    package struct Order: Sendable {
        let tenant: TenantID
        let keyHash: [UInt8]
        let fingerprint: [UInt8]
        let isRepeatable: Bool

        /// - Parameters:
        ///   - fingerprint: the same for the same request, and for no other.
        ///   - isRepeatable: whether carrying it out twice is the same as carrying it out once.
        package init(tenant: TenantID, key: String, fingerprint: [UInt8], isRepeatable: Bool) {
            self.tenant = tenant
            keyHash = SHA256.hash(key)
            self.fingerprint = fingerprint
            self.isRepeatable = isRepeatable
        }
    }

    /// What to do with an order.
    package enum Beginning: Sendable {
        /// Carry it out, and ``end(_:answer:fate:)``.
        case carryOut(Duty)
        /// This was answered the first time.
        case answered(KeptAnswer)
    }

    /// The duty to end what was begun.
    package struct Duty: Sendable {
        fileprivate let claim: IdempotencyStore.Claim
        fileprivate let isRepeatable: Bool
    }

    /// What an answer says about the request.
    package enum Fate: Sendable {
        /// It was carried out, or refused for good: a repetition gets the same answer.
        case settled
        /// Nothing happened, and another try may go better.
        case nothingHappened
        /// It may have happened, or not.
        case unknown
    }

    /// How long a key stands for its request.
    package static let lifetime = Duration.seconds(24 * 3600)
    /// How long a request may take until it counts as lost with its process; four times what a handler should take.
    package static let lease = Duration.seconds(120)
    private static let report = Log("idempotency")

    private let store: IdempotencyStore

    package init(store: IdempotencyStore) {
        self.store = store
    }

    /// Finds out what to do with an order. Throws `idempotency_conflict` while the request is under way, and when nobody
    /// knows what became of it; `idempotency_key_reused` when the key stands for another request.
    package func begin(_ order: Order) async throws -> Beginning {
        let finding = try await store.claim(
            keyHash: order.keyHash, fingerprint: order.fingerprint, isRepeatable: order.isRepeatable,
            lease: Self.lease, lifetime: Self.lifetime, in: order.tenant)
        switch finding {
        case .claimed(let claim): return .carryOut(Duty(claim: claim, isRepeatable: order.isRepeatable))
        case .answered(let answer): return .answered(answer)
        case .running:
            throw GatewayError(
                .idempotencyConflict, "the request with this Idempotency-Key is still under way", retryAfter: 1)
        case .abandoned:
            throw GatewayError(
                .idempotencyConflict,
                "the request with this Idempotency-Key broke off, and nobody knows what became of it: "
                    + "look, and take a new key to send it again")
        case .otherRequest:
            throw GatewayError(.idempotencyKeyReused, "this Idempotency-Key was used for another request")
        }
    }

    /// Keeps the answer, or frees the key for another try. Whether it works or not, the caller gets the answer; a record
    /// that could not be ended ends with its lease.
    ///
    /// On a loop. The task's cancellation does not keep it from ending.
    package func end(_ duty: Duty, answer: KeptAnswer, fate: Fate) async {
        guard let loop = Loop.current else { return await settle(duty, answer, fate) }
        await loop.spawn { await settle(duty, answer, fate) }.value
    }

    private func settle(_ duty: Duty, _ answer: KeptAnswer, _ fate: Fate) async {
        let frees =
            switch fate {
            case .settled: false
            case .nothingHappened: true
            // Once more does no harm, or would: then it is told again that it went wrong.
            case .unknown: duty.isRepeatable
            }
        do {
            if frees { return try await store.release(duty.claim) }
            if try await store.finish(duty.claim, with: answer) { return }
            Self.report.warning("a request took longer than its lease, and was carried out again meanwhile")
        } catch {
            Self.report.warning("the end of a request could not be stored", ["error": .string("\(error)")])
        }
    }
}
