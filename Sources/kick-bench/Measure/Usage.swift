import Glibc
import Net
import ProcessKit

/// CPU and clock at one moment; two of them make a ``Usage``.
struct UsageSample: Sendable {
    private let time = Deadline.now()
    private let gateway: UInt64
    private let database: UInt64
    private let generator: UInt64
    private let machine: (busy: UInt64, stolen: UInt64)

    /// - Parameter gateway: the gateway's process id; what it has started is its database.
    init(gateway pid: Int32) {
        gateway = ProcessAccounting.cpuNanoseconds(of: pid) ?? 0
        database = ProcessAccounting.cpuNanosecondsOfDescendants(of: pid)
        generator = ProcessAccounting.cpuNanoseconds(of: getpid()) ?? 0
        machine = ProcessAccounting.machine()
    }

    /// What was used since an earlier sample.
    func since(_ earlier: UsageSample) -> Usage {
        func difference(_ later: UInt64, _ earlier: UInt64) -> Double { Double(later) - Double(earlier) }
        let seconds = difference(time.nanoseconds, earlier.time.nanoseconds) / 1e9
        let own = [
            difference(gateway, earlier.gateway), difference(database, earlier.database),
            difference(generator, earlier.generator),
        ]
        let others = difference(machine.busy, earlier.machine.busy) - own.reduce(0, +)
        return Usage(
            seconds: seconds, gatewayNanoseconds: own[0], databaseNanoseconds: own[1],
            generatorCores: own[2] / seconds / 1e9, otherCores: max(0, others / seconds / 1e9),
            stolenCores: difference(machine.stolen, earlier.machine.stolen) / seconds / 1e9)
    }
}

/// What was used between two moments.
struct Usage: Sendable {
    let seconds: Double
    let gatewayNanoseconds: Double
    let databaseNanoseconds: Double
    /// How busy this program was, in cores.
    let generatorCores: Double
    /// How busy everything else on the machine was, in cores: noise.
    let otherCores: Double
    /// What the hypervisor gave to others, in cores: noise.
    let stolenCores: Double

    /// Noise worth mentioning.
    var remarks: [String] {
        var remarks: [String] = []
        if otherCores >= 0.1 { remarks.append("others used \(otherCores.text(2)) cores") }
        if stolenCores >= 0.02 { remarks.append("hypervisor took \(stolenCores.text(2)) cores") }
        return remarks
    }
}
