import HTTP
import Kick
import Model
import Net
import Telemetry
import Testing

@Suite("Rewards and redemptions", .timeLimit(.minutes(1)))
struct RewardTests {
    private static let token = Secret("acc-SECRET-1")

    private static let reward = """
        {"id":"01HZ8X9K2M4N6P8Q0R2S4T6V8W0Y2Z4","title":"Song Request","description":"","cost":100,
        "background_color":"#00e701","is_enabled":true,"is_paused":false,"is_user_input_required":true,
        "should_redemptions_skip_request_queue":true,"image":null}
        """

    @Test("Listing, making, changing and ending")
    func rewards() async throws {
        let list = KickStub(200, #"{"data":[\#(Self.reward),{"id":"r2","cost":1}],"message":"OK"}"#)
        let rewards = try await KickAPI(exchange: list.exchange).rewards(token: Self.token, deadline: .never)
        #expect(rewards.map(\.id) == ["01HZ8X9K2M4N6P8Q0R2S4T6V8W0Y2Z4", "r2"])
        #expect(rewards[0].description == nil)
        #expect(rewards[0].backgroundColor == "#00e701")
        #expect(rewards[0].isEnabled && rewards[0].isUserInputRequired && rewards[0].skipsRequestQueue)
        #expect(!rewards[0].isPaused && !rewards[1].isEnabled)

        let stub = KickStub(200, #"{"data":\#(Self.reward),"message":"OK"}"#)
        let api = KickAPI(exchange: stub.exchange)
        let made = try await api.createReward(
            NewReward(title: "Song Request", cost: 100), token: Self.token, deadline: .never)
        #expect(made.cost == 100)
        _ = try await api.createReward(
            NewReward(
                title: "T", cost: 1, description: "D", backgroundColor: "#00E701", isEnabled: false,
                isUserInputRequired: true, skipsRequestQueue: true), token: Self.token, deadline: .never)
        let id = try KickID("01HZ", named: "reward")
        _ = try await api.updateReward(id, RewardChange(isPaused: true), token: Self.token, deadline: .never)
        try await api.deleteReward(id, token: Self.token, deadline: .never)
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "POST https://api.kick.com/public/v1/channels/rewards",
                "POST https://api.kick.com/public/v1/channels/rewards",
                "PATCH https://api.kick.com/public/v1/channels/rewards/01HZ",
                "DELETE https://api.kick.com/public/v1/channels/rewards/01HZ",
            ])
        #expect(
            stub.requests.map(\.json) == [
                #"{"cost":100,"title":"Song Request"}"#,
                ##"{"background_color":"#00E701","cost":1,"description":"D","is_enabled":false,"##
                    + #""is_user_input_required":true,"should_redemptions_skip_request_queue":true,"title":"T"}"#,
                #"{"is_paused":true}"#, "",
            ])
    }

    @Test("No rewards, in three ways", arguments: [#"{"data":[]}"#, #"{"data":null}"#, #"{"data":{}}"#])
    func none(body: String) async throws {
        let api = KickAPI(exchange: KickStub(200, body).exchange)
        #expect(try await api.rewards(token: Self.token, deadline: .never).isEmpty)
        #expect(
            try await api.redemptions(RedemptionSelection(), token: Self.token, deadline: .never)
                == KickPage(elements: [], nextCursor: nil))
    }

    @Test("Rewards: bounds, at their edges")
    func rewardBounds() throws {
        _ = try NewReward(
            title: String(repeating: "ü", count: 50), cost: 1, description: String(repeating: "d", count: 200),
            backgroundColor: "#aBcDeF")
        _ = try NewReward(title: "x", cost: 1, description: "")
        let bad: [(RewardBounds, String)] = [
            (.title(""), "title must be 1 to 50 characters, is 0"), (.title("  "), "title must not be empty or blank"),
            (.title(String(repeating: "x", count: 51)), "title must be 1 to 50 characters, is 51"),
            (.cost(0), "cost must be at least 1, is 0"),
            (.description(String(repeating: "x", count: 201)), "description must be at most 200 characters, is 201"),
            (.color("00e701"), "background_color must be a colour such as #00e701"),
            (.color("#00e70"), "background_color must be a colour such as #00e701"),
            (.color("#00e7011"), "background_color must be a colour such as #00e701"),
            (.color("#00e70g"), "background_color must be a colour such as #00e701"),
            (.color("#fff"), "background_color must be a colour such as #00e701"),
            (.color(""), "background_color must be a colour such as #00e701"),
        ]
        for (bound, message) in bad {
            #expect(refusal { _ = try bound.new } == message)
            #expect(refusal { _ = try bound.change } == message)
        }
        #expect(refusal { _ = try RewardChange() } == "body must have at least one member")
        _ = try RewardChange(isEnabled: false)
        _ = try RewardChange(description: "")
    }

    enum RewardBounds {
        case title(String), cost(Int), description(String), color(String)

        var new: NewReward {
            get throws(KickBoundError) {
                switch self {
                case .title(let title): try NewReward(title: title, cost: 1)
                case .cost(let cost): try NewReward(title: "x", cost: cost)
                case .description(let text): try NewReward(title: "x", cost: 1, description: text)
                case .color(let color): try NewReward(title: "x", cost: 1, backgroundColor: color)
                }
            }
        }

        var change: RewardChange {
            get throws(KickBoundError) {
                switch self {
                case .title(let title): try RewardChange(title: title)
                case .cost(let cost): try RewardChange(cost: cost)
                case .description(let text): try RewardChange(description: text)
                case .color(let color): try RewardChange(backgroundColor: color)
                }
            }
        }
    }

    @Test("Redemptions come by reward and are told one by one")
    func redemptions() async throws {
        let stub = KickStub(
            200,
            """
            {"data":[{"reward":{"id":"r1","title":"Unban","description":"","cost":100,"can_manage":true,
            "is_deleted":true},"redemptions":[{"id":"a","status":"pending","redeemed_at":"2025-12-19T06:26:36Z",
            "user_input":"sorry","redeemer":{"user_id":9}},{"id":"b","status":"new-one","redeemed_at":"",
            "user_input":"","redeemer":null}]},{"reward":{"id":"r2","title":"Water"},"redemptions":null},
            {"reward":{"id":"r3","title":"Hi"},"redemptions":[{"id":"c","status":"accepted"}]}],
            "message":"OK","pagination":{"next_cursor":"bmV4dA=="}}
            """)
        let api = KickAPI(exchange: stub.exchange)
        let page = try await api.redemptions(
            RedemptionSelection(rewardID: "r1", status: "accepted", cursor: "Y3Vy"), token: Self.token,
            deadline: .never)
        #expect(page.nextCursor == "bmV4dA==")
        #expect(page.elements.map(\.id) == ["a", "b", "c"])
        #expect(page.elements.map(\.reward.id) == ["r1", "r1", "r3"])
        #expect(page.elements.map(\.status) == ["pending", "new-one", "accepted"])
        #expect(page.elements[0].userID == 9)
        #expect(page.elements[0].userInput == "sorry")
        #expect(page.elements[0].redeemedAt == Timestamp(parsing: "2025-12-19T06:26:36Z"))
        #expect(page.elements[0].reward.canManage && page.elements[0].reward.isDeleted)
        #expect(page.elements[1].userID == nil && page.elements[1].userInput == nil)
        #expect(page.elements[1].redeemedAt == nil)
        #expect(page.elements[2].reward.cost == nil && !page.elements[2].reward.canManage)
        _ = try await api.redemptions(RedemptionSelection(ids: ["a", "b"]), token: Self.token, deadline: .never)
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "GET https://api.kick.com/public/v1/channels/rewards/redemptions"
                    + "?reward_id=r1&status=accepted&cursor=Y3Vy",
                "GET https://api.kick.com/public/v1/channels/rewards/redemptions?id=a&id=b",
            ])
    }

    @Test("Accepting and rejecting tell only of failures")
    func decisions() async throws {
        let stub = KickStub(
            200, #"{"data":[{"id":"b","reason":"NOT_PENDING"},{"id":"c","reason":""}],"message":"OK"}"#)
        let api = KickAPI(exchange: stub.exchange)
        let batch = try RedemptionBatch(ids: ["a", "b", "c"])
        let failed = try await api.acceptRedemptions(batch, token: Self.token, deadline: .never)
        #expect(failed.map(\.id) == ["b", "c"])
        #expect(failed.map(\.reason) == ["NOT_PENDING", "UNKNOWN"])
        _ = try await api.rejectRedemptions(batch, token: Self.token, deadline: .never)
        #expect(
            stub.requests.map(KickAPITests.target) == [
                "POST https://api.kick.com/public/v1/channels/rewards/redemptions/accept",
                "POST https://api.kick.com/public/v1/channels/rewards/redemptions/reject",
            ])
        #expect(stub.requests.map(\.json) == [#"{"ids":["a","b","c"]}"#, #"{"ids":["a","b","c"]}"#])
    }

    @Test(
        "No failures, in all the ways to say so",
        arguments: [#"{"data":[],"message":"OK"}"#, #"{"data":null}"#, #"{"data":{}}"#, #"{"message":"OK"}"#, ""])
    func allDone(body: String) async throws {
        let api = KickAPI(exchange: KickStub(200, body).exchange)
        let batch = try RedemptionBatch(ids: ["a"])
        #expect(try await api.acceptRedemptions(batch, token: Self.token, deadline: .never).isEmpty)
        #expect(try await api.rejectRedemptions(batch, token: Self.token, deadline: .never).isEmpty)
    }

    @Test("Redemptions: bounds, at their edges")
    func redemptionBounds() throws {
        let ids = (1...25).map { "id\($0)" }
        _ = try RedemptionBatch(ids: ["a"])
        _ = try RedemptionBatch(ids: ids)
        #expect(refusal { _ = try RedemptionBatch(ids: []) } == "ids must be 1 to 25 entries, is 0")
        #expect(refusal { _ = try RedemptionBatch(ids: ids + ["x"]) } == "ids must be 1 to 25 entries, is 26")
        #expect(
            refusal { _ = try RedemptionBatch(ids: ["a", "b", "a"]) } == "ids must name each entry once, has 1 too many"
        )
        #expect(refusal { _ = try RedemptionBatch(ids: [""]) } == "ids must be 1 to 64 characters, is 0")
        _ = try RedemptionSelection(rewardID: "r", status: "rejected")
        _ = try RedemptionSelection(cursor: String(repeating: "c", count: 512))
        _ = try RedemptionSelection(ids: (1...100).map(String.init))
        #expect(
            refusal { _ = try RedemptionSelection(ids: ["a"], cursor: "c") }
                == "ids must not stand beside reward, status and cursor")
        #expect(
            refusal { _ = try RedemptionSelection(ids: (1...101).map(String.init)) }
                == "ids must be at most 100 entries, is 101")
        #expect(
            refusal { _ = try RedemptionSelection(status: "done") } == "status must be pending, accepted or rejected")
        #expect(
            refusal { _ = try RedemptionSelection(status: "pending", ids: ["a"]) }
                == "ids must not stand beside reward, status and cursor")
        #expect(
            refusal { _ = try RedemptionSelection(rewardID: "r", ids: ["a"]) }
                == "ids must not stand beside reward, status and cursor")
        #expect(refusal { _ = try RedemptionSelection(rewardID: "..") } == "reward is not an id of Kick's")
        #expect(refusal { _ = try RedemptionSelection(cursor: "") } == "cursor must be 1 to 512 characters, is 0")
    }
}
