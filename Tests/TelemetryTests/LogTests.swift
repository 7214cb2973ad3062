import Telemetry
import Testing

@Suite("Telemetry")
struct LogTests {
    @Test("a line is one JSON object, whatever a stranger put into a field")
    func line() {
        let line = Log.line(
            level: .warning, label: "test", message: "said",
            fields: ["text": .string("a\"b\\c\nd\u{1}é"), "count": 3, "yes": true, "list": .strings(["x", "y"])],
            time: LogTime(seconds: 1_700_000_000, microseconds: 42))
        #expect(
            line == #"{"time":"2023-11-14T22:13:20.000042Z","level":"warning","part":"test","message":"said","#
                + #""text":"a\"b\\c\nd\u0001é","count":3,"yes":true,"list":["x","y"]}"#)
    }

    @Test("P6 a secret does not print, whichever way it is printed")
    func secret() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in [
            "\(secret)", String(reflecting: secret), String(describing: [secret]), dumped, "\(Optional(secret) as Any)",
        ] {
            #expect(!text.contains("hunter2"))
        }
        #expect(secret.reveal() == "hunter2")
    }
}
