import HTTP
import Sandbox
import Testing

@Suite("Sandbox: categories")
struct CategoryStateTests {
    var state = Samples.state()

    private func query(_ text: String) -> QueryItems { QueryItems(parsing: text)! }

    private func names(_ answer: APIAnswer) -> [String] {
        (answer.body?["data"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
    }

    @Test("An item of the v2 list")
    func item() {
        #expect(
            state.categoriesV2Answer(query("id=2")).body?.text
                == #"{"data":[{"id":2,"name":"Rust","tags":["FPS","Shooter","Survival"],"#
                + #""thumbnail":"https://files.example.com/images/category/2.webp"}],"message":"OK","#
                + #""pagination":{"next_cursor":""}}"#)
    }

    @Test(
        "Names, tags and ids are lists with commas; names and tags together are both meant",
        arguments: [
            ("name=rust", ["Rust"]), ("name=dota%202,chess", ["Dota 2", "Chess"]), ("tag=moba&name=dota", ["Dota 2"]),
            ("tag=racing,MOBA", ["Dota 2", "League of Legends", "Rocket League"]),
            ("id=16,6,999999", ["Dota 2", "Chess"]),
            ("name=nothing%20like%20it", []),
        ])
    func filters(text: String, expected: [String]) {
        #expect(names(state.categoriesV2Answer(query(text))) == expected)
    }

    @Test("Pages follow one another until the cursor is empty, and nothing is missing or twice")
    func pages() throws {
        var (cursor, seen) = ("", [String]())
        repeat {
            let answer = state.categoriesV2Answer(query("limit=7" + (cursor.isEmpty ? "" : "&cursor=\(cursor)")))
            seen += names(answer)
            cursor = try #require(answer.body?["pagination"]?["next_cursor"]?.stringValue)
            #expect(cursor.isEmpty || (4...28).contains(cursor.count))
        } while !cursor.isEmpty && seen.count < 100
        #expect(seen == SandboxCategory.all.map(\.name))
        #expect(names(state.categoriesV2Answer([:])).count == 25)
    }

    @Test(
        "Bounds of the v2 list",
        arguments: [
            "limit=0", "limit=1001", "limit=x", "cursor=abc", "cursor=" + String(repeating: "a", count: 29),
            "cursor=bm9uZSBvZiB1cw==", "name=ab", "tag=ab", "name=abc,de", "name=" + String(repeating: "a", count: 101),
            "id=0", "id=x", "id=1,", "id=1&id=2", "id=2&name=rust",
        ])
    func bounds(text: String) {
        #expect(state.categoriesV2Answer(query(text)).status == 400)
    }

    @Test("The deprecated search: a part of the name, and pages")
    func search() {
        #expect(names(state.categorySearchAnswer(query("q=RUS"))) == ["Rust"])
        #expect(names(state.categorySearchAnswer(query("q=rus&page=2"))).isEmpty)
        #expect(names(state.categorySearchAnswer(query("q=rus&page=9223372036854775807"))).isEmpty)
        for wrong in ["", "q=", "q=x&page=0", "q=x&page=y"] {
            #expect(state.categorySearchAnswer(query(wrong)).status == 400)
        }
    }

    @Test("One category counts the viewers of those that are live in it; an unknown one is 404")
    mutating func one() {
        _ = state.setLive(true, userID: 1001, viewers: 30, at: Samples.now)
        _ = state.setLive(true, userID: 1002, viewers: 12, at: Samples.now)
        #expect(state.categoryAnswer("15").body?["data"]?["viewer_count"] == 42)
        #expect(state.categoryAnswer("15").body?["data"]?["tags"] == ["IRL", "Talk"])
        #expect(state.categoryAnswer("999999").status == 404)
        #expect(state.categoryAnswer("x").status == 400)
    }

    @Test(
        "A channel that never set a category shows it as chosen",
        arguments: [
            (SandboxCategory.Unset.zero, #"{"id":0,"name":"","thumbnail":""}"#), (.null, "null"), (.empty, "{}"),
        ])
    mutating func unset(style: SandboxCategory.Unset, text: String) throws {
        var user = SandboxUser(id: 7, username: "seven")
        user.channel.categoryID = 0
        state.register(user)
        var policy = APIPolicy()
        policy.unsetCategory = style
        let answer = state.channelsAnswer(query("slug=seven"), for: try state.appBearer(), policy: policy)
        #expect(try #require(answer.body?.text).contains(#""category":\#(text),"#))
    }
}
