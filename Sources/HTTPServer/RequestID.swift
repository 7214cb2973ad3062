/// What names one request in logs, answers and traces: the client's own X-Request-Id if that is sane, else random.
package struct RequestID: Hashable, Sendable, CustomStringConvertible {
    private enum Origin: Hashable {
        case given(String)
        case random(UInt64, UInt64)
    }

    private let origin: Origin

    /// How long a client's id may be, in bytes.
    private static let maximumLength = 64

    /// The client's id when it is made of letters, digits and `- _ . : = + / ~`, which cannot be mistaken for anything
    /// in a log line; nil otherwise.
    package init?(given bytes: some Collection<UInt8>) {
        guard (1...RequestID.maximumLength).contains(bytes.count), bytes.allSatisfy(RequestID.isSane) else {
            return nil
        }
        origin = .given(String(decoding: bytes, as: UTF8.self))
    }

    init(random high: UInt64, _ low: UInt64) {
        origin = .random(high, low)
    }

    /// 32 hexadecimal digits for a random one.
    package var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    func append(to output: inout [UInt8]) {
        switch origin {
        case .given(let text):
            output.append(contentsOf: text.utf8)
        case .random(let high, let low):
            for word in [high, low] {
                for shift in stride(from: UInt64(60), through: 0, by: -4) {
                    let digit = UInt8(truncatingIfNeeded: word >> shift & 15)
                    output.append(digit < 10 ? digit + 0x30 : digit + 0x57)
                }
            }
        }
    }

    private static func isSane(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "="): true
        case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "~"): true
        default: false
        }
    }
}

/// Random numbers for ids: seeded by the system once, then a few instructions each (SplitMix64). They are unique, not
/// secret.
struct RequestIDGenerator {
    private var state = (UInt64.random(in: 0...UInt64.max), UInt64.random(in: 0...UInt64.max))

    mutating func next() -> RequestID {
        RequestID(random: RequestIDGenerator.step(&state.0), RequestIDGenerator.step(&state.1))
    }

    private static func step(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
