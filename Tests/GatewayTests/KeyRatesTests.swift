import Model
import Net
import Testing

@testable import Gateway

@Suite("KeyRates")
struct KeyRatesTests {
    private static let one = KeyID(unchecked: "key_1")
    private static let other = KeyID(unchecked: "key_2")

    private static func at(milliseconds: UInt64) -> Deadline {
        Deadline(nanoseconds: 1_000_000_000_000 + milliseconds * 1_000_000)
    }

    @Test("a key has its quota within a window, and all of it again in the next one")
    func windows() {
        var machine = KeyRateStateMachine(quota: 2, window: .seconds(10))
        #expect(
            machine.take(Self.one, now: Self.at(milliseconds: 0))
                == KeyAllowance(isAllowed: true, remaining: 1, secondsToReset: 10))
        #expect(
            machine.take(Self.one, now: Self.at(milliseconds: 1))
                == KeyAllowance(isAllowed: true, remaining: 0, secondsToReset: 10))
        #expect(
            machine.take(Self.one, now: Self.at(milliseconds: 9_000))
                == KeyAllowance(isAllowed: false, remaining: 0, secondsToReset: 1))
        #expect(
            machine.take(Self.one, now: Self.at(milliseconds: 9_999))
                == KeyAllowance(isAllowed: false, remaining: 0, secondsToReset: 1))
        #expect(
            machine.take(Self.one, now: Self.at(milliseconds: 10_000))
                == KeyAllowance(isAllowed: true, remaining: 1, secondsToReset: 10))
    }

    @Test("keys do not share")
    func keys() {
        var machine = KeyRateStateMachine(quota: 1, window: .seconds(10))
        #expect(machine.take(Self.one, now: Self.at(milliseconds: 0)).isAllowed)
        #expect(!machine.take(Self.one, now: Self.at(milliseconds: 0)).isAllowed)
        #expect(
            machine.take(Self.other, now: Self.at(milliseconds: 5_000))
                == KeyAllowance(isAllowed: true, remaining: 0, secondsToReset: 10))
        // The window of each begins with its own first request.
        #expect(machine.take(Self.one, now: Self.at(milliseconds: 10_000)).isAllowed)
        #expect(!machine.take(Self.other, now: Self.at(milliseconds: 10_000)).isAllowed)
    }

    @Test("keys that are silent are forgotten, those in use are not")
    func memory() {
        var machine = KeyRateStateMachine(quota: 1, window: .seconds(10))
        for number in 0..<1000 {
            _ = machine.take(KeyID(unchecked: "key_\(number)"), now: Self.at(milliseconds: UInt64(number)))
        }
        #expect(machine.count == 1000)
        _ = machine.take(KeyID(unchecked: "key_new"), now: Self.at(milliseconds: 10_500))
        #expect(machine.count == 500)
        #expect(!machine.take(KeyID(unchecked: "key_999"), now: Self.at(milliseconds: 10_501)).isAllowed)
        _ = machine.take(KeyID(unchecked: "key_new"), now: Self.at(milliseconds: 20_500))
        #expect(machine.count == 1)
    }

    @Test("a quota of 0 limits nothing, and remembers nothing")
    func off() {
        #expect(KeyRates(quota: 0).take(Self.one) == nil)
        #expect(KeyRates(quota: 5).take(Self.one)?.remaining == 4)
    }
}
