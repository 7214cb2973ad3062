import Glibc
import Net
import ProcessKit

// Exit codes: 0 every promise kept, 1 one was broken or the run failed, 2 wrong options, 130 interrupted.
//
// The top level has no `await`: the main thread waits for signals, the work runs on loops' threads.

let words = Array(CommandLine.arguments.dropFirst())
if words.first == "gateway" {
    guard let order = HostedGateway.Order(parsing: words.dropFirst()) else { exit(2) }
    HostedGateway.run(order)
}
switch Options.parse(words) {
case .help: print(Options.usage, terminator: "")
case .wrong(let problem):
    say("\(problem)\n\n\(Options.usage)")
    exit(2)
case .run(let options): run(options)
}

func run(_ options: Options) {
    // Blocked before any thread starts, so that only sigwait(3) below gets them.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe sigaddset(&signals, SIGINT)
    unsafe sigaddset(&signals, SIGHUP)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    do {
        let workshop = try Workshop(options)
        workshop.loops.loops[0].spawn {
            do {
                let isGood = try await workshop.run()
                Cleanup.all()
                exit(isGood ? 0 : 1)
            } catch {
                say("\(error)")
                Cleanup.all()
                exit(1)
            }
        }
    } catch {
        say("\(error)")
        exit(1)
    }
    var caught: Int32 = 0
    while unsafe sigwait(&signals, &caught) != 0 {}
    say("stopping")
    Cleanup.all()
    _exit(130)
}

/// To standard error, so that standard output is the result alone.
func say(_ text: String) {
    var line = "kick-chaos: \(text)\n"
    line.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
}
