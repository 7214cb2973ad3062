import Foundation
import HTTP
import Testing

@Suite("URLs, queries, forms, dates, cookies")
struct TextTests {
    @Test(arguments: [
        ("https://api.kick.com/public/v1?x=1", "api.kick.com", 443, "/public/v1?x=1", "https://api.kick.com"),
        ("HTTP://EXAMPLE.com:80", "example.com", 80, "/", "http://example.com"),
        ("http://127.0.0.1:8080?a", "127.0.0.1", 8080, "/?a", "http://127.0.0.1:8080"),
        ("http://[::1]:81/%20", "[::1]", 81, "/%20", "http://[::1]:81"),
    ])
    func url(_ text: String, _ host: String, _ port: Int, _ target: String, _ origin: String) throws {
        let url = try #require(HTTPURL(text))
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
        #expect(url.origin == origin)
        #expect(HTTPURL(url.description) == url)
    }

    @Test(arguments: [
        "", "http://", "http:///a", "ftp://a/", "//a/b", "/a", "http://u:p@a/", "http://a:0/", "http://a:99999/",
        "http://a:x/", "http://a b/", "http://a/ b", "http://a/#f", "http://a/%2", "http://a/\n", " http://a/",
        "http://é/", "javascript:alert(1)", "http://a\\b/", "http://[::1/", "http:a",
    ])
    func notAURL(_ text: String) {
        #expect(HTTPURL(text) == nil)
    }

    @Test func urlsGrow() {
        let base = HTTPURL("http://h/base/")!
        #expect(
            base.appending(path: "/v1", query: ["a": "b c&", "d": ""]).description == "http://h/base/v1?a=b%20c%26&d=")
        #expect(HTTPURL("http://h/?x=1")!.appending(["y": "2"]).description == "http://h/?x=1&y=2")
        #expect(HTTPURL("http://h/")!.appending(["y": "2"]).target == "/?y=2")
        #expect(HTTPURL("http://[::1]/")!.hostName == "::1")
    }

    @Test func queries() throws {
        let query = try #require(QueryItems(parsing: "a=1&b=x+y%26&a=2&&c&=d&e=f=g"))
        #expect(query["a"] == "1")
        #expect(query.values(of: "a") == ["1", "2"])
        #expect(query["b"] == "x y&")
        #expect(query["c"] == "")
        #expect(query[""] == "d")
        #expect(query["e"] == "f=g")
        #expect(query["z"] == nil)
        #expect(QueryItems(parsing: nil)?.isEmpty == true)
        #expect(QueryItems(parsing: query.encoded) == query)
        #expect(FormURLEncoded.decode(FormURLEncoded.encode(query)) == query)
        #expect(String(decoding: FormURLEncoded.encode(["a b": "é~*"]), as: UTF8.self) == "a+b=%C3%A9%7E*")
    }

    @Test(arguments: ["a=%", "a=%2", "a=%zz", "%ff=1", "a=%00", String(repeating: "a&", count: 300)])
    func queriesThatAreRefused(_ text: String) {
        #expect(QueryItems(parsing: text) == nil)
        #expect(FormURLEncoded.decode(Array(text.utf8)) == nil)
    }

    @Test func percentCoding() {
        #expect(PercentCoding.encode("aé/ ~+") == "a%C3%A9%2F%20~%2B")
        #expect(PercentCoding.decode("a%C3%A9%2f%20+") == "aé/ +")
        #expect(PercentCoding.decode("a+b", plusIsSpace: true) == "a b")
        #expect(PercentCoding.decode("%C3") == nil)
    }

    @Test(
        arguments: [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] as [(Int64, String)])
    func dates(_ seconds: Int64, _ text: String) {
        #expect(HTTPDate.format(seconds) == text)
        #expect(HTTPDate.parse(text, now: 0) == seconds)
    }

    @Test func datesAgreeWithFoundation() {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        var random = SeededGenerator(seed: 5)
        for _ in 0..<500 {
            let seconds = Int64.random(in: 0...10_000_000_000, using: &random)
            let text = HTTPDate.format(seconds)
            #expect(text == formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds))))
            #expect(HTTPDate.parse(text, now: 0) == seconds)
        }
    }

    /// RFC 9110 §5.6.7: all three must be accepted.
    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ])
    func oldDates(_ text: String) {
        #expect(HTTPDate.parse(text, now: 1_700_000_000) == 784_111_777)
    }

    @Test(arguments: [
        "", "now", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov +994 08:49:37 GMT",
    ])
    func notADate(_ text: String) {
        #expect(HTTPDate.parse(text, now: 0) == nil)
    }

    @Test func cookies() throws {
        let fields: Fields = [.cookie: "a=1; b=\"2\";c=x=y ; bad name=3; d=é; =5; a=9", .cookie: "e=6"]
        let cookies = Cookies(fields)
        #expect(cookies["a"] == "1")
        #expect(cookies["b"] == "2")
        #expect(cookies["c"] == "x=y")
        #expect(cookies["e"] == "6")
        for absent in ["bad name", "d", "", "name"] { #expect(cookies[absent] == nil) }
        #expect(
            SetCookie("__Host-s", "abc", maxAge: 60)?.fieldValue.text
                == "__Host-s=abc; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax")
    }

    @Test(arguments: [
        ("a b", "1", "/"), ("", "1", "/"), ("a", "1;2", "/"), ("a", "1\r\n", "/"), ("a", "1", "/;x"), ("a", "1", "x"),
    ])
    func cookiesThatCannotBeMade(_ name: String, _ value: String, _ path: String) {
        #expect(SetCookie(name, value, path: path) == nil)
    }
}
