/// Failures on order: what Kick does on a bad day (FACTS §1.4, §2.1, §6).
package struct Faults: Sendable {
    package enum Target: String, Sendable, CaseIterable {
        /// POST /oauth/token
        case token
        /// POST /oauth/revoke
        case revoke
        /// POST /oauth/token/introspect
        case introspect
        /// Everything below /public
        case api
    }

    /// When the fault happens: instead of the work, or after it is done and stored, so that only the answer is lost.
    package enum Moment: String, Sendable, CaseIterable {
        case before
        case after
    }

    /// Where the connection is cut.
    package enum Cut: String, Sendable, CaseIterable {
        /// Nothing of the answer arrives.
        case beforeHead = "before_head"
        /// The head and one half of the body arrive. The work is done, whatever the moment.
        case inBody = "in_body"
    }

    /// What a fault is looked up by.
    package struct Request: Sendable {
        package let target: Target
        package var method = "POST"
        package var path = ""
        package var grantType: String?
        /// The client that calls, and the user its token is of, as far as known.
        package var clientID: String?
        package var userID: Int?

        package init(_ target: Target) { self.target = target }
    }

    package struct Fault: Sendable {
        package var target: Target
        package var moment = Moment.before
        /// How many requests it meets.
        package var remaining = 1
        /// It meets each request of this number that fits: the second, fourth … for 2.
        package var every = 1
        /// Fitting requests that it let pass since it met one.
        fileprivate var passed = 0
        /// Nil leaves the real answer as it is; then only the delay and the cut matter.
        package var status: Int?
        package var body = ""
        package var contentType = "application/json"
        package var retryAfter: Int?
        package var delayMilliseconds = 0
        package var cut: Cut?
        /// Only requests with this path.
        package var path: String?
        /// Only requests whose path begins so; "" is all of the target.
        package var pathPrefix = ""
        /// Only requests with this method.
        package var method: String?
        /// For tokens: only requests with this `grant_type`.
        package var grantType: String?
        /// Only requests of this client, or about this user.
        package var clientID: String?
        package var userID: Int?

        package init(target: Target) {
            self.target = target
        }

        fileprivate func fits(_ request: Request) -> Bool {
            target == request.target && (path == nil || path == request.path) && request.path.hasPrefix(pathPrefix)
                && (method == nil || method == request.method)
                && (grantType == nil || grantType == request.grantType)
                && (clientID == nil || clientID == request.clientID) && (userID == nil || userID == request.userID)
        }
    }

    /// Oldest first; the first that fits a request is used up by it.
    private var faults: [Fault] = []
    /// Requests that met a fault so far.
    package private(set) var metCount = 0
    static let maximumCount = 1000

    package init() {}

    package var isEmpty: Bool { faults.isEmpty }

    package var pendingCount: Int { faults.reduce(0) { $0 + $1.remaining } }

    /// False when too many are waiting.
    package mutating func add(_ fault: Fault) -> Bool {
        guard faults.count < Self.maximumCount else { return false }
        faults.append(fault)
        return true
    }

    package mutating func clear() { faults = [] }

    /// The fault that meets this request, if any.
    package mutating func take(_ request: Request) -> Fault? {
        for index in faults.indices where faults[index].fits(request) {
            faults[index].passed += 1
            guard faults[index].passed == faults[index].every else { continue }
            faults[index].passed = 0
            faults[index].remaining -= 1
            metCount += 1
            let fault = faults[index]
            if fault.remaining <= 0 { faults.remove(at: index) }
            return fault
        }
        return nil
    }
}
