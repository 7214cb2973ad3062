import HTTP
import Testing

@Suite("Serializer and fields")
struct SerializerTests {
    private func text(_ write: (inout [UInt8]) -> Void) -> String {
        var output: [UInt8] = []
        write(&output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test func response() {
        let result = text {
            Serializer.append(
                response: .ok, fields: [.contentType: "text/plain", .eTag: "\"1\""], framing: .length(1203),
                isPersistent: false, to: &$0)
        }
        #expect(
            result == "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"1\"\r\nContent-Length: 1203\r\n"
                + "Connection: close\r\n\r\n")
        #expect(
            text { Serializer.append(response: .ok, framing: .length(0), to: &$0) }.contains("Content-Length: 0\r\n"))
        #expect(
            text { Serializer.append(response: .noContent, framing: .none, to: &$0) }
                == "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(
            text { Serializer.append(response: Status(799), framing: .chunked, to: &$0) }
                == "HTTP/1.1 799 \r\nTransfer-Encoding: chunked\r\n\r\n")
    }

    /// Framing is the serializer's: a caller's own lines would contradict it, and be a way to smuggle.
    @Test func framingFieldsOfCallersAreDropped() {
        let fields: Fields = [
            .contentLength: "7", .transferEncoding: "chunked", .connection: "upgrade", .host: "evil", .age: "1",
        ]
        #expect(
            text { Serializer.append(response: .ok, fields: fields, framing: .length(2), to: &$0) }
                == "HTTP/1.1 200 OK\r\nHost: evil\r\nAge: 1\r\nContent-Length: 2\r\n\r\n")
        let url = HTTPURL("https://api.example:8443/v1?a=b")!
        #expect(
            text { Serializer.append(request: .post, url, fields: fields, framing: .length(2), to: &$0) }
                == "POST /v1?a=b HTTP/1.1\r\nHost: api.example:8443\r\nAge: 1\r\nContent-Length: 2\r\n\r\n")
    }

    @Test func whatIsWrittenIsParsedBack() throws {
        var bytes: [UInt8] = []
        Serializer.append(
            request: .get, HTTPURL("http://h/p?q")!, fields: [.accept: "*/*", "X-Empty": ""], to: &bytes)
        var parser = RequestParser()
        let head = try #require(try parser.parse(bytes)).head
        #expect(head.fields == ["host": "h", "accept": "*/*", "x-empty": ""])
        #expect(head.path == "/p")
        #expect(head.query == "q")
    }

    /// A value with a line break cannot be made, so it cannot be sent.
    @Test(arguments: ["a\rb", "a\nb", "a\0b", "a\u{7F}", "\u{1}", " a", "a ", "\ta"])
    func valuesThatCannotBeMade(_ text: String) {
        #expect(FieldValue(text) == nil)
        let repaired = FieldValue(replacingInvalidIn: text)
        #expect(FieldValue(repaired.text) != nil)
    }

    @Test(arguments: ["", "a b", "a:", "a\r\n", "é", "(a)"])
    func namesThatCannotBeMade(_ text: String) {
        #expect(FieldName(text) == nil)
        #expect(Method(text) == nil)
    }

    @Test func fieldsKeepOrderAndRepeats() throws {
        var fields: Fields = [.setCookie: "a=1", .vary: "Origin, ,Accept", .setCookie: "b=2"]
        #expect(fields["SET-COOKIE"] == "a=1")
        #expect(fields.values(of: .setCookie) == ["a=1", "b=2"])
        #expect(fields.single(.setCookie) == nil && fields.single(.age) == nil)
        #expect(fields.single("VARY").map(Array.init) == Array("Origin, ,Accept".utf8))
        #expect(fields.list(of: .vary) == ["Origin", "Accept"])
        #expect(fields[.age] == nil)
        fields.set(.setCookie, "c=3")
        #expect(fields.pairs.map(\.name) == ["Vary", "Set-Cookie"])
        fields.set(.vary, nil)
        fields.append(.age, FieldValue(5))
        #expect(fields == ["set-cookie": "c=3", "age": "5"])
        #expect(fields.debugDescription == "Fields(Set-Cookie, Age)")
    }

    @Test func parsedFieldsCanBeChanged() throws {
        var fields = try RequestHead(parsing: "GET /x HTTP/1.1\r\nHost: a\r\nB:c\r\n\r\n").fields
        fields.append(.age, "1")
        fields.remove(.host)
        #expect(text { Serializer.appendFields(fields, to: &$0) } == "B: c\r\nAge: 1\r\n")
        #expect(fields.bytes(of: "b").map(Array.init) == Array("c".utf8))
    }

    /// The sets are written as numbers; here are the characters of the RFCs.
    @Test func byteSetsAreThoseOfTheRFCs() {
        let token = Set("!#$%&'*+-.^_`|~0123456789".utf8).union("abcdefghijklmnopqrstuvwxyz".utf8)
            .union("ABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for byte in UInt8(0)...127 {
            let name = String(decoding: [byte], as: UTF8.self)
            #expect((FieldName(name) != nil) == token.contains(byte))
            let isPathByte = HTTPURL("http://h/" + name)?.path == "/" + name
            #expect(isPathByte == (token.subtracting("#%^`|".utf8).union("(),;=:@/".utf8).contains(byte)))
        }
    }
}
