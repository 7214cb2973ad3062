import Assembly
import Gateway
import Glibc
import Model
import Synchronization

/// The child: `kick-chaos gateway`, a gateway as the environment configures it, which can end itself in the middle of a
/// refresh. Production has no such switch.
enum HostedGateway {
    /// What the child is told, and how it is written on its command line.
    struct Order: Sendable {
        /// It kills itself when a refresh comes to this step.
        var dieAt: RefreshStep?
        /// It only says so in its log.
        var tellAt: RefreshStep?
        /// Seconds, for ``RefreshPolicy``; nil leaves what is shipped.
        var lease: Int?
        var timeout: Int?
        /// How many times more impatient it is with Kick's subscriptions than what is shipped.
        var speed: Int?

        var arguments: [String] {
            var words = ["gateway"]
            if let dieAt { words += ["--die-at", dieAt.rawValue] }
            if let tellAt { words += ["--tell-at", tellAt.rawValue] }
            if let lease { words += ["--lease", String(lease)] }
            if let timeout { words += ["--timeout", String(timeout)] }
            if let speed { words += ["--speed", String(speed)] }
            return words
        }

        init(
            dieAt: RefreshStep? = nil, tellAt: RefreshStep? = nil, lease: Int? = nil, timeout: Int? = nil,
            speed: Int? = nil
        ) {
            self.speed = speed
            self.dieAt = dieAt
            self.tellAt = tellAt
            self.lease = lease
            self.timeout = timeout
        }

        /// - Parameter arguments: without the word `gateway`.
        init?(parsing arguments: ArraySlice<String>) {
            var rest = arguments
            while let name = rest.popFirst() {
                guard let value = rest.popFirst() else { return nil }
                switch name {
                case "--die-at": dieAt = RefreshStep(rawValue: value)
                case "--tell-at": tellAt = RefreshStep(rawValue: value)
                case "--lease": lease = Int(value)
                case "--timeout": timeout = Int(value)
                case "--speed": speed = Int(value)
                default: return nil
                }
            }
        }
    }

    /// What the log line of a step begins with; the step and the login follow.
    static let mark = "chaos-step "

    static func run(_ order: Order) -> Never {
        Program.host { policy in
            if let lease = order.lease { policy.lease = .seconds(lease) }
            if let timeout = order.timeout { policy.timeout = .seconds(timeout) }
        } subscriptions: { policy in
            if let speed = order.speed { policy.hurry(speed) }
        } onRefreshStep: { step, login in
            guard step == order.dieAt || step == order.tellAt else { return }
            var line = "\(mark)\(step.rawValue) \(login.text)\n"
            line.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
            if step == order.dieAt { kill(getpid(), SIGKILL) }
        }
    }
}

extension SubscriptionPolicy {
    /// Divides what it waits for, not how much it does at once.
    fileprivate mutating func hurry(_ speed: Int) {
        for time: WritableKeyPath<SubscriptionPolicy, Duration> in [
            \.reviewInterval, \.listPatience, \.maximumPatience, \.missPatience, \.deletionPatience,
            \.pendingInterval, \.retryInterval, \.maximumRetryInterval, \.limitPause, \.censusInterval, \.alarmSpan,
        ] {
            self[keyPath: time] /= speed
        }
        tick = .milliseconds(100)
    }
}
