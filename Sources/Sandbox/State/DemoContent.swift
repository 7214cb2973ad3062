extension SandboxState {
    /// Gives a channel what a visitor wants to see something of: rewards, a redemption that waits, gifts, a past with
    /// ads, a Drop that was claimed. Nothing of it when the channel has a reward already.
    package mutating func addDemoContent(to broadcasterID: Int, clientID: String, at now: SandboxTime) {
        guard users[broadcasterID] != nil, rewards(of: broadcasterID).isEmpty else { return }
        _ = addReward(
            ["title": "Hydrate", "cost": 100, "description": "Take a sip of water"], of: broadcasterID,
            clientID: clientID)
        _ = addReward(
            [
                "title": "Song request", "cost": 500, "description": "Paste a link", "is_user_input_required": true,
                "background_color": "#1475e1",
            ], of: broadcasterID, clientID: clientID)
        // Made in the dashboard: no app may change it.
        _ = addReward(["title": "Say hello", "cost": 50], of: broadcasterID, clientID: nil)
        if let song = rewards(of: broadcasterID).first(where: { $0.title == "Song request" }) {
            _ = redeem(
                song.id, userID: Viewer.all[0].id, userInput: "something with more cowbell", at: now + -300)
        }
        for (index, days) in [90, 60, 20, 10, 3, 1].enumerated() {
            let viewer = Viewer.all[(index * 5 + broadcasterID) % Viewer.all.count]
            _ = give(
                [1000, 250, 500, 100, 50, 10][index], by: viewer.id, to: broadcasterID, message: "",
                at: now + -days * 86400)
        }
        var account = content.ads[broadcasterID] ?? SandboxAds()
        account.hasStreamed = true
        content.ads[broadcasterID] = account
        content.moderators[broadcasterID] = [Viewer.all[0].id]
        _ = claim(
            clientID: clientID, userID: broadcasterID, campaignID: "01JAXK8N4QWRTY5PM7ZEBVJDS8",
            rewardID: "01K0TDDR08Q5ZNWXK92SDH7SDH", externalID: "item_42", at: now)
    }
}
