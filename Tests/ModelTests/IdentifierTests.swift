import Model
import Testing

@Suite("Identifiers and cursors")
struct IdentifierTests {
    @Test("an id is its prefix and letters and digits, nothing else")
    func identifiers() {
        #expect(TenantID("ten_01JABC")?.text == "ten_01JABC")
        for text in ["", "ten_", "login_01J", "ten_a b", "ten_é", "ten_" + String(repeating: "a", count: 41)] {
            #expect(TenantID(text) == nil)
        }
    }

    @Test(
        "a cursor is two numbers",
        arguments: [("7.42", true), ("7.-1", false), ("+7.1", false), ("7", false), ("", false), ("7.1.1", false)])
    func cursors(text: String, isCursor: Bool) {
        #expect((EventCursor(text) != nil) == isCursor)
        if isCursor { #expect(EventCursor(text)?.description == text) }
    }
}
