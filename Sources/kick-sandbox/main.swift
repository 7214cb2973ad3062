import FoundationEssentials
import Glibc
import Net
import Sandbox

// Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong options.
//
// The top level has no `await`: an asynchronous one would hand the main thread to a library that opens it for every
// signal, and SIGTERM would kill instead of stop.

switch SandboxCommand.parse(
    arguments: Array(CommandLine.arguments.dropFirst()), environment: ProcessInfo.processInfo.environment)
{
case .help(let text): print(text, terminator: "")
case .wrong(let problems):
    for problem in problems { complain(problem) }
    exit(2)
case .run(let configuration): run(configuration)
}

func run(_ configuration: SandboxConfiguration) {
    // Blocked before the loops' threads start, which inherit it: only sigwait(3) below gets these two.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGTERM)
    unsafe sigaddset(&signals, SIGINT)
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    do {
        let loops = try LoopGroup()
        let server = try SandboxServer(configuration: configuration, loops: loops)
        let loop = loops.next()
        loop.spawn {
            do {
                let url = try await server.start()
                print(#"{"ready":true,"url":"\#(url)"}"#)
                // Whoever started us may read this through a pipe.
                fflush(nil)
            } catch {
                complain("\(error)")
                exit(1)
            }
        }
        var caught: Int32 = 0
        while unsafe sigwait(&signals, &caught) != 0 {}
        loop.spawn {
            await server.stop()
            exit(0)
        }
        // A second signal does not wait for the first one's work.
        while unsafe sigwait(&signals, &caught) != 0 {}
        exit(0)
    } catch {
        complain("\(error)")
        exit(1)
    }
}

func complain(_ text: String) {
    var line = "kick-sandbox: \(text)\n"
    line.withUTF8 { bytes in _ = unsafe write(2, bytes.baseAddress, bytes.count) }
}
