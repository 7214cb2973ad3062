/// Failures on order: what Kick does on a bad day (FACTS §1.4, §2.1, §6).
package struct Faults: Sendable {
    package enum Target: String, Sendable, CaseIterable {
        /// POST /oauth/token
        case token
        /// Everything below /public
        case api
    }

    /// When the fault happens: instead of the work, or after it is done and stored, so that only the answer is lost.
    package enum Moment: String, Sendable, CaseIterable {
        case before
        case after
    }

    package struct Fault: Sendable {
        package var target: Target
        package var moment = Moment.before
        /// How many requests it meets.
        package var remaining = 1
        /// Nil leaves the real answer as it is; then only the delay matters.
        package var status: Int?
        package var body = ""
        package var contentType = "application/json"
        package var retryAfter: Int?
        package var delayMilliseconds = 0
        /// The connection ends in the middle of the answer.
        package var closesConnection = false
        /// Only requests whose path begins so; "" is all of the target.
        package var pathPrefix = ""
        /// For tokens: only requests with this `grant_type`.
        package var grantType: String?

        package init(target: Target) {
            self.target = target
        }
    }

    /// Oldest first; the first that fits a request is used up by it.
    private var faults: [Fault] = []
    static let maximumCount = 1000

    package init() {}

    package var pendingCount: Int { faults.reduce(0) { $0 + $1.remaining } }

    /// False when too many are waiting.
    package mutating func add(_ fault: Fault) -> Bool {
        guard faults.count < Self.maximumCount else { return false }
        faults.append(fault)
        return true
    }

    package mutating func clear() { faults = [] }

    /// The fault that meets this request, if any.
    package mutating func take(_ target: Target, path: String, grantType: String? = nil) -> Fault? {
        let index = faults.firstIndex { fault in
            fault.target == target && path.hasPrefix(fault.pathPrefix)
                && (fault.grantType == nil || fault.grantType == grantType)
        }
        guard let index else { return nil }
        faults[index].remaining -= 1
        let fault = faults[index]
        if fault.remaining <= 0 { faults.remove(at: index) }
        return fault
    }
}

extension Faults.Fault {
    /// Reads the body of POST /sandbox/faults; the text says what is wrong.
    package static func parse(_ json: JSON) -> Result<Faults.Fault, SandboxError> {
        func wrong(_ text: String) -> Result<Faults.Fault, SandboxError> { .failure(.configuration(reason: text)) }
        guard let target = (json["target"]?.stringValue).flatMap(Faults.Target.init) else {
            return wrong("target: expected token or api")
        }
        var fault = Faults.Fault(target: target)
        if let value = json["when"] {
            guard let moment = value.stringValue.flatMap(Faults.Moment.init) else {
                return wrong("when: expected before or after")
            }
            fault.moment = moment
        }
        if let value = json["count"] {
            guard let count = value.integerValue, (1...1_000_000).contains(count) else {
                return wrong("count: expected 1 to 1000000")
            }
            fault.remaining = count
        }
        if let value = json["status"] {
            guard let status = value.integerValue, (200...599).contains(status) else {
                return wrong("status: expected 200 to 599")
            }
            fault.status = status
        }
        if let value = json["delay_ms"] {
            guard let delay = value.integerValue, (0...300_000).contains(delay) else {
                return wrong("delay_ms: expected 0 to 300000")
            }
            fault.delayMilliseconds = delay
        }
        if let value = json["retry_after"] {
            guard let seconds = value.integerValue, (0...86400).contains(seconds) else {
                return wrong("retry_after: expected seconds, 0 to 86400")
            }
            fault.retryAfter = seconds
        }
        if let value = json["body"] { fault.body = value.stringValue ?? value.text }
        if let value = json["content_type"]?.stringValue { fault.contentType = value }
        if let value = json["close"] {
            guard let closes = value.boolValue else { return wrong("close: expected true or false") }
            fault.closesConnection = closes
        }
        if let value = json["path_prefix"]?.stringValue { fault.pathPrefix = value }
        fault.grantType = json["grant_type"]?.stringValue
        guard fault.status != nil || fault.closesConnection || fault.delayMilliseconds > 0 else {
            return wrong("expected at least one of status, close, delay_ms")
        }
        return .success(fault)
    }
}
