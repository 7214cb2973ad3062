import Kick

extension SandboxState {
    // MARK: Chat

    /// POST /public/v1/chat (FACTS §2.7).
    package func sendChat(
        _ body: JSON?, for bearer: Bearer, service: inout APIService, at now: SandboxTime
    ) -> APIOutcome {
        guard let userID = bearer.userID, bearer.has("chat:write") else { return APIOutcome(.forbidden) }
        guard let content = body?["content"]?.stringValue, (1...500).contains(content.count),
            content.utf8.count <= 2048, let type = body?["type"]?.stringValue, ["user", "bot"].contains(type),
            let replyTo = Self.replyTo(body)
        else { return APIOutcome(.invalidRequest) }
        let (broadcasterID, sender): (Int, Person)
        if type == "bot" {
            // The channel of the token, whatever the body says.
            guard apps[bearer.clientID]?.hasBot == true else { return APIOutcome(.badRequest("Channel not found")) }
            (broadcasterID, sender) = (userID, .bot)
        } else {
            guard let id = body?["broadcaster_user_id"]?.integerValue else { return APIOutcome(.invalidRequest) }
            (broadcasterID, sender) = (id, person(userID))
        }
        guard let broadcaster = users[broadcasterID] else { return APIOutcome(.notFound) }
        var random = SystemRandomNumberGenerator()
        let messageID = EventFactory.uuid(&random)
        guard service.policy.unsentChats == 0 else {
            service.policy.unsentChats -= 1
            return APIOutcome(.ok(["is_sent": false, "message_id": .string(messageID)]))
        }
        let event: JSON = [
            "message_id": .string(messageID),
            "replies_to": service.messages.reply(to: replyTo, in: broadcasterID),
            "broadcaster": broadcaster.eventUser,
            "sender": sender.user(identity: identity(of: sender.id, in: broadcasterID)), "content": .string(content),
            "emotes": ChatMessage(written: content).emotes, "created_at": .string(now.textWithNanoseconds),
        ]
        service.messages.add(event: event)
        let answer = APIAnswer.ok(["is_sent": true, "message_id": .string(messageID)])
        guard service.policy.echoesChat else { return APIOutcome(answer) }
        return APIOutcome(
            answer, [SandboxEvent(type: .chatMessageSent, broadcasterID: broadcasterID, body: event)])
    }

    /// "" without one; nil when it is no UUID.
    private static func replyTo(_ body: JSON?) -> String? {
        guard let value = body?["reply_to_message_id"] else { return "" }
        return value.stringValue.flatMap { isUUID($0) ? $0 : nil }
    }

    static func isUUID(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return parts.map(\.count) == [8, 4, 4, 4, 12]
            && parts.allSatisfy { $0.allSatisfy { Character(UnicodeScalar($0)).isHexDigit } }
    }

    /// DELETE /public/v1/chat/{message_id} (FACTS §2.7).
    package func deleteChat(_ messageID: String, for bearer: Bearer, service: inout APIService) -> APIAnswer {
        guard let userID = bearer.userID, bearer.has("moderation:chat_message:manage") else { return .forbidden }
        guard Self.isUUID(messageID) else { return .invalidRequest }
        guard let message = service.messages[messageID] else { return .notFound }
        guard moderates(userID, message.broadcasterID) else { return .forbidden }
        return service.messages.remove(messageID) ? .noContent : .notFound
    }

    /// Whether a user acts in a channel: the broadcaster, and the moderators.
    func moderates(_ userID: Int, _ broadcasterID: Int) -> Bool {
        userID == broadcasterID || content.moderators[broadcasterID]?.contains(userID) == true
    }
}

extension ChatLog {
    /// Null when the message is not known, or stands in another channel: what Kick does then is not known.
    fileprivate func reply(to id: String, in broadcasterID: Int) -> JSON {
        guard let parent = self[id], parent.broadcasterID == broadcasterID else { return .null }
        guard case .object(let members) = parent.sender else { return .null }
        // Of the replied-to, Kick leaves `identity` null (FACTS §4.6).
        let sender = members.map { $0.name == "identity" ? .init(name: "identity", value: .null) : $0 }
        return [
            "message_id": .string(parent.id), "content": .string(parent.content), "sender": .object(sender),
        ]
    }
}
