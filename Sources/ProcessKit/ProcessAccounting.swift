import FoundationEssentials
import Glibc

/// What the kernel says about processes.
package enum ProcessAccounting {
    /// CPU time of a process since its start: user and system of all its threads, ended ones too, in nanoseconds. It is
    /// the scheduler's own sum (clock_getcpuclockid(3)), the one that /proc/PID/schedstat shows per thread. Nil when
    /// there is no such process.
    package static func cpuNanoseconds(of pid: Int32) -> UInt64? {
        var clock = clockid_t()
        var time = timespec()
        guard unsafe clock_getcpuclockid(pid, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// CPU time of everything that a process has started, without itself: the living by the scheduler's sum, those that
    /// have ended by what their parents inherited (in ticks of 10 ms).
    package static func cpuNanosecondsOfDescendants(of pid: Int32) -> UInt64 {
        var sum: UInt64 = 0
        for entry in descendants(of: pid) {
            sum += (cpuNanoseconds(of: entry.pid) ?? 0) + entry.inheritedNanoseconds
        }
        return sum
    }

    /// Everything that a process has started and that lives.
    package static func descendantIDs(of pid: Int32) -> [Int32] { descendants(of: pid).map(\.pid) }

    /// Path of the first descendant's program whose file has this name.
    package static func program(named name: String, below pid: Int32) -> String? {
        descendants(of: pid).lazy
            .compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0.pid)/exe") }
            .first { $0.hasSuffix("/" + name) }
    }

    /// Resident and proportional set size in KiB (/proc/PID/smaps_rollup), which counts pages one by one.
    package static func memory(of pid: Int32) -> (resident: Int, proportional: Int)? {
        guard let text = Files.text("/proc/\(pid)/smaps_rollup") else { return nil }
        func value(_ name: String) -> Int? {
            text.split(separator: "\n").first { $0.hasPrefix(name) }
                .flatMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }
        }
        guard let resident = value("Rss:"), let proportional = value("Pss:") else { return nil }
        return (resident, proportional)
    }

    /// Connections over IPv4 that a process holds to a port (/proc/net/tcp).
    package static func connections(of pid: Int32, toPort port: UInt16) -> Int {
        let directory = "/proc/\(pid)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        let sockets = Set(
            names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)") }
                .filter { $0.hasPrefix("socket:[") }.map { $0.dropFirst("socket:[".count).dropLast() })
        return (Files.text("/proc/net/tcp") ?? "").split(separator: "\n").dropFirst().count { line in
            // 2 remote address:port in hexadecimal, 3 state (01: established), 9 inode
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[3] == "01", sockets.contains(fields[9]) else { return false }
            return fields[2].split(separator: ":").last.flatMap { UInt16($0, radix: 16) } == port
        }
    }

    /// The greatest resident set size that a process has had so far, in KiB.
    package static func peakResident(of pid: Int32) -> Int? {
        Files.text("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            .flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } }
    }

    /// Busy CPU time of the whole machine, and time that the hypervisor gave to others, in nanoseconds (ticks of 10 ms).
    package static func machine() -> (busy: UInt64, stolen: UInt64) {
        let line = Files.text("/proc/stat")?.split(separator: "\n").first ?? ""
        let ticks = line.split(separator: " ").dropFirst().compactMap { UInt64($0) }
        guard ticks.count >= 8 else { return (0, 0) }
        // user nice system idle iowait irq softirq steal
        return ((ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * tick, ticks[7] * tick)
    }

    // MARK: -

    private struct Entry {
        let pid: Int32
        let parent: Int32
        let inheritedNanoseconds: UInt64
    }

    private static let tick = UInt64(1_000_000_000 / max(1, sysconf(Int32(_SC_CLK_TCK))))

    private static func descendants(of root: Int32) -> [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let all = names.compactMap { Int32($0) }.compactMap(entry)
        var found: [Entry] = []
        var parents: Set<Int32> = [root]
        while true {
            let children = all.filter { parents.contains($0.parent) }
            if children.isEmpty { return found }
            found += children
            parents = Set(children.map(\.pid))
        }
    }

    /// proc(5): the name in parentheses may hold anything, so the fields are counted from the last `)`.
    private static func entry(_ pid: Int32) -> Entry? {
        guard let text = Files.text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        // 3 state, 4 ppid, … 16 cutime, 17 cstime
        guard fields.count > 15, let parent = Int32(fields[1]), let user = UInt64(fields[13]),
            let system = UInt64(fields[14])
        else { return nil }
        return Entry(pid: pid, parent: parent, inheritedNanoseconds: (user + system) * tick)
    }
}
