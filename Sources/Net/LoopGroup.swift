import CLinux
import Glibc
import Synchronization

/// The loops of a process, one thread each.
package final class LoopGroup: Sendable {
    package let loops: [Loop]
    private let threads: Mutex<[pthread_t]>
    private let turn = Atomic<Int>(0)

    /// Starts the threads. SIGPIPE is ignored from here on: a peer that goes away is an error of one write.
    ///
    /// - Parameter count: 1 to 256; nil means one per core.
    package init(count: Int? = nil) throws(NetError) {
        signal(SIGPIPE, SIG_IGN)
        let count = min(max(count ?? sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1), 256)
        var loops: [Loop] = []
        for index in 0..<count {
            loops.append(try Loop(index: index))
        }
        self.loops = loops
        threads = Mutex(loops.map(Self.startThread))
    }

    /// The loops in turn.
    package func next() -> Loop {
        loops[turn.wrappingAdd(1, ordering: .relaxed).oldValue % loops.count]
    }

    /// Ends the threads and waits for them. Tasks that still live on a loop never run again: drain them first.
    package func shutdown() {
        for loop in loops { loop.stop() }
        let joining = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in joining { pthread_join(thread, nil) }
    }

    private static func startThread(_ loop: Loop) -> pthread_t {
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(loop).toOpaque()
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let loop = unsafe Unmanaged<Loop>.fromOpaque(argument).takeRetainedValue()
                unsafe clinux_name_thread("loop-\(loop.index)")
                loop.run()
                return nil
            }, argument)
        precondition(code == 0, "pthread_create failed")
        return thread
    }
}
