import Kick
package import Model
import Net
import Telemetry

/// Whose token a call to Kick is made with.
package enum KickCredential: Sendable {
    /// The app of the tenant.
    case app
    /// The same, for what belongs to whoever uses the app: only when no other tenant does (P14).
    case soleApp
    /// The login that the tenant has of this Kick user.
    case user(Int64)
    case login(LoginID)
}

/// A question to Kick: what is asked, with whose token, and how long the answer is good.
package struct KickRead<Value: Sendable>: Sendable {
    /// Nil: there is no such thing.
    typealias Load = @Sendable (KickAPI, Secret<String>, Deadline) async throws(KickError) -> Value?

    let operation: KickOperation
    /// What is asked for beyond the operation, in one fixed spelling.
    let parameters: String
    let credential: KickCredential
    /// Nil: asked each time, by each for himself, and not remembered.
    let lifetime: CacheLifetime?
    /// Of each list the login needs one.
    let scopes: [[KickScope]]
    let tags: @Sendable (Value) -> [CacheTag]
    let isWhole: @Sendable (Value) -> Bool
    let load: Load

    init(
        _ operation: KickOperation, _ parameters: String = "", as credential: KickCredential,
        for lifetime: CacheLifetime?, scopes: [[KickScope]]? = nil,
        tags: @escaping @Sendable (Value) -> [CacheTag] = { _ in [] },
        isWhole: @escaping @Sendable (Value) -> Bool = { _ in true }, load: @escaping Load
    ) {
        self.operation = operation
        self.parameters = parameters
        self.credential = credential
        self.lifetime = lifetime
        self.scopes = scopes ?? operation.scopes
        self.tags = tags
        self.isWhole = isWhole
        self.load = load
    }
}

extension String {
    /// Lists of texts as one text that no other lists have: two questions must never share an answer.
    static func spelling(of lists: [[String]]) -> String {
        lists.map { list in "\(list.count)[" + list.map { "\($0.utf8.count):\($0)" }.joined() + "]" }.joined()
    }
}

/// An order to Kick: what is to change, with whose token, and what is no longer true then.
package struct KickWrite<Value: Sendable>: Sendable {
    typealias Call = @Sendable (KickAPI, Secret<String>, Deadline) async throws(KickError) -> Value

    let operation: KickOperation
    let credential: KickCredential
    let changes: [CacheTag]
    let call: Call

    init(
        _ operation: KickOperation, as credential: KickCredential, changes: [CacheTag] = [], call: @escaping Call
    ) {
        self.operation = operation
        self.credential = credential
        self.changes = changes
        self.call = call
    }
}
