import FoundationEssentials
package import Gateway
import Glibc
package import Model
import Telemetry

/// The command line: one word says what to do.
package enum Program {
    package static let version = "0.1.0"

    static let usage = """
        kick-gateway: a self-hosted gateway between your frontends and the Kick API

        usage: kick-gateway <command>

          serve      run the gateway, configured by the environment (see: config)
          dev        run everything for development: database, sandbox, gateway, demo
          trigger    make one event happen in the sandbox (see: trigger --help)
          keys       look at, rotate and retire the keys that seal stored secrets (see: keys --help)
          migrate    bring the database's schema up to date and stop
          config     print the settings, their defaults and meaning
          version    print the version
          help       print this

        """

    /// Runs the command and ends the process with its exit code.
    ///
    /// The main thread does nothing but wait, with SIGTERM and SIGINT blocked. An asynchronous `main` would hand it to
    /// libdispatch, which parks it with all signals unblocked: the first SIGTERM would end the process.
    package static func main(_ arguments: [String]) -> Never {
        SignalWatcher.block()
        raiseDescriptorLimit()
        Task { exit(await run(arguments)) }
        while true { pause() }
    }

    /// Runs `serve` within another program, one that tests the gateway to destruction, with policies of its own and a look
    /// at every step of a refresh. Ends the process.
    package static func host(
        policy adjust: @escaping @Sendable (inout RefreshPolicy) -> Void,
        subscriptions adjustSubscriptions: @escaping @Sendable (inout SubscriptionPolicy) -> Void,
        onRefreshStep: @escaping @Sendable (RefreshStep, LoginID) -> Void
    ) -> Never {
        SignalWatcher.block()
        raiseDescriptorLimit()
        Task {
            do {
                let adjustBoth: (inout Config) -> Void = {
                    adjust(&$0.refreshPolicy)
                    adjustSubscriptions(&$0.subscriptionPolicy)
                }
                exit(try await ServeCommand.serve(adjust: adjustBoth, onRefreshStep: onRefreshStep))
            } catch {
                exit(complain("\(error)\n", code: 1))
            }
        }
        while true { pause() }
    }

    /// Runs the command and returns the exit code: 0 done, 1 failed, 2 the call was wrong.
    static func run(_ arguments: [String]) async -> Int32 {
        let rest = Array(arguments.dropFirst())
        do {
            switch arguments.first {
            case "serve": return try await ServeCommand.run(rest)
            case "dev": return try await DevCommand.run(rest)
            case "trigger": return try await TriggerCommand.run(rest)
            case "keys": return try await KeysCommand.run(rest)
            case "migrate": return try await MigrateCommand.run(rest)
            case "config": return ConfigCommand.run(rest)
            case "version", "--version": return say("kick-gateway \(version)\n")
            case "help", "--help", "-h": return say(usage)
            case nil: return complain(usage)
            case let word?: return complain("kick-gateway: there is no command '\(word)'\n\n\(usage)")
            }
        } catch {
            return complain("kick-gateway: \(error)\n", code: 1)
        }
    }

    /// Every stream is a descriptor, and the usual soft limit is 1024: takes what the hard limit allows.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    @discardableResult
    static func say(_ text: String) -> Int32 {
        write(text, to: 1)
        return 0
    }

    static func complain(_ text: String, code: Int32 = 2) -> Int32 {
        write(text, to: 2)
        return code
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
