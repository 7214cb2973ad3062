import HTTP
import Kick
import Testing

@testable import Sandbox

@Suite("Sandbox: rewards and redemptions")
struct RewardStateTests {
    var state = Samples.state()
    var service = APIService()

    private func query(_ text: String) -> QueryItems { QueryItems(parsing: text)! }

    private mutating func writer(_ userID: Int = 1001) throws -> SandboxState.Bearer {
        try state.bearer(scope: "channel:rewards:write", userID: userID)
    }

    /// Another app that nova let in.
    private mutating func otherApp() throws -> SandboxState.Bearer {
        SandboxState.Bearer(
            clientID: "other", userID: 1001, scopes: ["channel:rewards:write"], expiresAt: Samples.now + 60)
    }

    private mutating func makeReward(_ body: JSON = ["title": "Song", "cost": 5]) throws -> String {
        let bearer = try writer()
        let answer = state.createReward(body, for: bearer)
        return try #require(answer.body?["data"]?["id"]?.stringValue)
    }

    // MARK: Rewards

    @Test("A reward as it is made from nothing but title and cost")
    mutating func create() throws {
        let id = try makeReward()
        let reader = try state.bearer(scope: "channel:rewards:read")
        #expect(
            state.rewardsAnswer(for: reader).body?.text
                == ##"{"data":[{"background_color":"#00e701","cost":5,"description":"","id":"\##(id)","##
                + #""is_enabled":true,"is_paused":false,"is_user_input_required":false,"#
                + #""should_redemptions_skip_request_queue":false,"title":"Song"}],"message":"OK"}"#)
        #expect(id.count == 26)
    }

    @Test(
        "Bounds of a reward",
        arguments: [
            "{}", #"{"title":"a"}"#, #"{"cost":1}"#, #"{"title":"","cost":1}"#, #"{"title":"a","cost":0}"#,
            #"{"title":null,"cost":1}"#, #"{"title":"\#(String(repeating: "a", count: 51))","cost":1}"#,
            #"{"title":"a","cost":1,"description":"\#(String(repeating: "a", count: 201))"}"#,
            ##"{"title":"a","cost":1,"background_color":"#12345"}"##,
            #"{"title":"a","cost":1,"background_color":"1234567"}"#, #"{"title":"a","cost":1,"is_enabled":1}"#,
        ])
    mutating func bounds(body: String) throws {
        let bearer = try writer()
        #expect(state.createReward(JSON(parsing: body), for: bearer).status == 400)
        #expect(state.rewardsAnswer(for: bearer).body?["data"] == [])
    }

    @Test("Fifteen and no more; a deleted one makes room")
    mutating func limit() throws {
        let bearer = try writer()
        var ids: [String] = []
        for _ in 1...15 { ids.append(try makeReward()) }
        #expect(state.createReward(["title": "a", "cost": 1], for: bearer).status == 400)
        #expect(state.deleteReward(ids[3], for: bearer).status == 204)
        #expect(state.createReward(["title": "a", "cost": 1], for: bearer).status == 200)
        // The limit is the channel's.
        let pixel = try writer(1002)
        #expect(state.createReward(["title": "a", "cost": 1], for: pixel).status == 200)
    }

    @Test("A change names at least one thing; null is nothing")
    mutating func patch() throws {
        let id = try makeReward()
        let bearer = try writer()
        let changed = state.patchReward(id, ["is_paused": true, "title": .null, "cost": 9], for: bearer)
        #expect(changed.body?["data"]?["is_paused"] == true)
        #expect(changed.body?["data"]?["title"] == "Song")
        #expect(changed.body?["data"]?["cost"] == 9)
        for wrong: JSON in [[:], ["title": .null], ["colour": "red"], ["cost": 0], ["is_paused": "yes"]] {
            #expect(state.patchReward(id, wrong, for: bearer).status == 400)
        }
        #expect(state.patchReward("01KBHE7RZNHB0SKDV1H86CD4F3", ["cost": 1], for: bearer).status == 404)
        let pixel = try writer(1002)
        #expect(state.patchReward(id, ["cost": 1], for: pixel).status == 404)
    }

    @Test("Only the app that made a reward changes and deletes it, though all of them see it")
    mutating func otherApps() throws {
        let id = try makeReward()
        let other = try otherApp()
        #expect(state.rewardsAnswer(for: other).body?["data"]?.arrayValue?.count == 1)
        #expect(state.patchReward(id, ["cost": 1], for: other).status == 403)
        #expect(state.deleteReward(id, for: other).status == 403)
        let own = state.addReward(["title": "Own", "cost": 1], of: 1001, clientID: nil).body?["data"]?["id"]
        let bearer = try writer()
        #expect(state.deleteReward(try #require(own?.stringValue), for: bearer).status == 403)
    }

    @Test("Scopes: reading with either, writing only with that of writing, never with an app token")
    mutating func scopes() throws {
        let id = try makeReward()
        let poor = try state.bearer()
        let app = try state.appBearer()
        let reader = try state.bearer(scope: "channel:rewards:read")
        for bearer in [poor, app] {
            #expect(state.rewardsAnswer(for: bearer).status == 403)
            #expect(state.redemptionsAnswer([:], for: bearer).status == 403)
        }
        for bearer in [poor, app, reader] {
            #expect(state.createReward(["title": "a", "cost": 1], for: bearer).status == 403)
            #expect(state.patchReward(id, ["cost": 1], for: bearer).status == 403)
            #expect(state.deleteReward(id, for: bearer).status == 403)
            let decided = state.decideRedemptions(["ids": ["a"]], accepts: true, for: bearer, service: &service)
            #expect(decided.answer.status == 403)
        }
    }

    // MARK: Redemptions

    private mutating func redeem(_ rewardID: String, count: Int = 1) throws -> [String] {
        let made = (0..<count).compactMap { number in
            state.redeem(rewardID, userID: 500_001, userInput: "input \(number)", at: Samples.now)?.id
        }
        try #require(made.count == count)
        return made
    }

    private func listed(_ answer: APIAnswer) -> [String] {
        (answer.body?["data"]?.arrayValue ?? []).flatMap { $0["redemptions"]?.arrayValue ?? [] }
            .compactMap { $0["id"]?.stringValue }
    }

    @Test("A redemption as the list and the event tell it")
    mutating func shape() throws {
        let reward = try makeReward()
        let id = try redeem(reward)[0]
        let bearer = try writer()
        #expect(
            state.redemptionsAnswer([:], for: bearer).body?.text
                == #"{"data":[{"redemptions":[{"id":"ID","redeemed_at":"2026-09-30T12:00:00Z","#
                .replacing("ID", with: id)
                + #""redeemer":{"user_id":500001},"status":"pending","user_input":"input 0"}],"#
                + #""reward":{"can_manage":true,"cost":5,"description":"","id":"ID","title":"Song"}}],"#
                .replacing("ID", with: reward)
                + #""message":"OK","pagination":{"next_cursor":""}}"#)
        let event = try #require(state.redemptionEvent(id))
        #expect(event.type == .channelRewardRedemptionUpdated && event.broadcasterID == 1001)
        #expect(event.body["redeemed_at"] == "2026-09-30T12:00:00.123Z")
        #expect(event.body["redeemer"]?["username"] == "amber_fox")
        #expect(event.body["reward"]?.text == #"{"id":"\#(reward)","title":"Song","cost":5,"description":""}"#)
    }

    @Test("Filters: pending by default, one reward, ids alone")
    mutating func filters() throws {
        let (song, hello) = (try makeReward(), try makeReward(["title": "Hello", "cost": 1]))
        let songs = try redeem(song, count: 3)
        let hellos = try redeem(hello, count: 2)
        let bearer = try writer()
        _ = state.decideRedemptions(
            ["ids": [.string(songs[0])]], accepts: true, for: bearer, service: &service)
        _ = state.decideRedemptions(
            ["ids": [.string(songs[1])]], accepts: false, for: bearer, service: &service)
        #expect(listed(state.redemptionsAnswer([:], for: bearer)) == [songs[2]] + hellos)
        #expect(listed(state.redemptionsAnswer(query("status=accepted"), for: bearer)) == [songs[0]])
        #expect(listed(state.redemptionsAnswer(query("status=rejected"), for: bearer)) == [songs[1]])
        #expect(listed(state.redemptionsAnswer(query("reward_id=\(hello)"), for: bearer)) == hellos)
        let byID = query("id=\(songs[0])&id=\(hellos[1])&id=\(song)")
        #expect(listed(state.redemptionsAnswer(byID, for: bearer)) == [songs[0], hellos[1]])
        for wrong in [
            "id=\(songs[0])&status=pending", "id=\(songs[0])&reward_id=\(song)", "id=\(songs[0])&cursor=YQ==",
            "status=open", "cursor=%21", "cursor=YQ==", "id=",
        ] {
            #expect(state.redemptionsAnswer(query(wrong), for: bearer).status == 400, "\(wrong)")
        }
        let pixel = try writer(1002)
        #expect(listed(state.redemptionsAnswer([:], for: pixel)).isEmpty)
    }

    @Test("Pages follow one another, whatever is dealt with in between")
    mutating func pages() throws {
        let ids = try redeem(try makeReward(), count: 7)
        let bearer = try writer()
        var policy = APIPolicy()
        policy.redemptionPageSize = 3
        var (cursor, seen) = ("", [String]())
        repeat {
            var query = QueryItems()
            if !cursor.isEmpty { query.append("cursor", cursor) }
            let answer = state.redemptionsAnswer(query, for: bearer, policy: policy)
            let page = listed(answer)
            seen += page
            // The last one stays, so that the next page has to begin behind it.
            let done = JSON.array(page.prefix(1).map { .string($0) })
            _ = state.decideRedemptions(["ids": done], accepts: true, for: bearer, service: &service)
            cursor = try #require(answer.body?["pagination"]?["next_cursor"]?.stringValue)
        } while !cursor.isEmpty && seen.count < 100
        #expect(seen == ids)
    }

    @Test("Only what failed is told, with the reason; what worked is an event each")
    mutating func decide() throws {
        let bearer = try writer()
        let song = try makeReward()
        let ids = try redeem(song, count: 3)
        let own = state.addReward(["title": "Own", "cost": 1], of: 1001, clientID: nil).body?["data"]?["id"]
        let foreign = try redeem(try #require(own?.stringValue))[0]
        let first = state.decideRedemptions(
            ["ids": [.string(ids[0])]], accepts: true, for: bearer, service: &service)
        #expect(first.answer.body?.text == #"{"data":[],"message":"OK"}"#)
        #expect(first.events.map { $0.body["status"] } == ["accepted"])
        service.policy.unknownRedemptions = 1
        let wish: JSON = [
            "ids": [.string(ids[0]), .string(ids[1]), .string(foreign), "01KERB68MZZ04551D6X5TNRFYV", .string(ids[2])]
        ]
        let second = state.decideRedemptions(wish, accepts: false, for: bearer, service: &service)
        let reasons = second.answer.body?["data"]?.arrayValue?.map { $0["reason"]?.stringValue }
        #expect(reasons == ["NOT_PENDING", "UNKNOWN", "NOT_OWNED", "NOT_FOUND"])
        #expect(second.events.map { $0.body["id"] } == [.string(ids[2])])
        #expect(second.events.map { $0.body["status"] } == ["rejected"])
    }

    @Test(
        "Bounds of the ids",
        arguments: [
            "{}", #"{"ids":[]}"#, #"{"ids":["a","a"]}"#, #"{"ids":[1]}"#, #"{"ids":null}"#, #"{"ids":"a"}"#,
            #"{"ids":[\#((1...26).map { "\"\($0)\"" }.joined(separator: ","))]}"#,
        ])
    mutating func idBounds(body: String) throws {
        let bearer = try writer()
        let done = state.decideRedemptions(JSON(parsing: body), accepts: true, for: bearer, service: &service)
        #expect(done.answer.status == 400)
    }

    @Test("A deleted reward is still told of, as deleted; one that skips the queue is accepted at once")
    mutating func ends() throws {
        let bearer = try writer()
        let song = try makeReward()
        let id = try redeem(song)[0]
        #expect(state.deleteReward(song, for: bearer).status == 204)
        #expect(state.deleteReward(song, for: bearer).status == 404)
        let group = state.redemptionsAnswer(query("id=\(id)"), for: bearer).body?["data"]?.arrayValue?.first
        #expect(group?["reward"]?["is_deleted"] == true)
        #expect(state.redeem(song, userID: 1, userInput: "", at: Samples.now) == nil)
        let quick = try makeReward(["title": "Q", "cost": 1, "should_redemptions_skip_request_queue": true])
        #expect(state.redeem(quick, userID: 1, userInput: "", at: Samples.now)?.status == .accepted)
        _ = state.patchReward(quick, ["is_paused": true], for: bearer)
        #expect(state.redeem(quick, userID: 1, userInput: "", at: Samples.now) == nil)
    }
}
