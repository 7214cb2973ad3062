import Gateway
import HTTP
import HTTPServer
import Kick
import Model

/// `/v1/broadcasters/{broadcaster}/kicks/leaderboard`.
enum KicksLeaderboards {
    struct View: Encodable {
        struct Entry: Encodable {
            let rank: Int
            let userID: Nullable<Int64>
            let username: Nullable<String>
            /// In KICKs.
            let giftedAmount: Int

            init(_ entry: KicksLeaderboard.Entry) {
                rank = entry.rank
                userID = Nullable(entry.userID)
                username = Nullable(entry.username)
                giftedAmount = entry.giftedAmount
            }
        }

        let lifetime: [Entry]
        let month: [Entry]
        let week: [Entry]

        init(_ board: KicksLeaderboard) {
            lifetime = board.lifetime.map(Entry.init)
            month = board.month.map(Entry.init)
            week = board.week.map(Entry.init)
        }
    }

    static func get(_ context: RequestContext) async throws -> Response {
        let parameters = try Parameters(context.request, singles: ["top"])
        let selection = try LeaderboardSelection(top: try parameters.number("top", in: 1...100))
        return try await context.answer(
            .leaderboard(selection, of: try context.kickID("broadcaster")), as: View.init)
    }
}
