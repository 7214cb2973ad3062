import Glibc
import Net
import ProcessKit

// Exit codes: 0 all rows measured, 1 a row failed, 2 wrong options, 130 interrupted.
//
// The top level has no `await`: the main thread waits for signals, the work runs on a loop's thread.

switch Options.parse(Array(CommandLine.arguments.dropFirst())) {
case .help: print(Options.usage, terminator: "")
case .wrong(let problem):
    complain("\(problem)\n\n\(Options.usage)")
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
        let control = try LoopGroup(count: 1)
        control.loops[0].spawn {
            do {
                let isGood = try await Bench(options, control: control).run()
                Cleanup.all()
                exit(isGood ? 0 : 1)
            } catch {
                Cleanup.all()
                complain("\(error)")
                exit(1)
            }
        }
    } catch {
        complain("\(error)")
        exit(1)
    }
    var caught: Int32 = 0
    while unsafe sigwait(&signals, &caught) != 0 {}
    complain("stopping")
    Cleanup.all()
    _exit(130)
}

func complain(_ text: String) {
    var line = "kick-bench: \(text)\n"
    line.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
}
