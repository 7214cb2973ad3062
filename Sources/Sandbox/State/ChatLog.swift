/// The last chat messages, so that they can be replied to and deleted. Bounded, not in the state file.
package struct ChatLog: Sendable {
    package struct Message: Sendable {
        let id: String
        let broadcasterID: Int
        let content: String
        /// The user object of the event.
        let sender: JSON
    }

    package static let capacity = 10_000
    private var messages: [String: Message] = [:]
    /// A ring: the oldest is overwritten.
    private var ids: [String] = []
    private var next = 0

    package init() {}

    mutating func add(_ message: Message) {
        if ids.count < Self.capacity {
            ids.append(message.id)
        } else {
            messages[ids[next]] = nil
            ids[next] = message.id
            next = (next + 1) % Self.capacity
        }
        messages[message.id] = message
    }

    /// Takes it from the body of a `chat.message.sent`.
    mutating func add(event body: JSON) {
        guard let id = body["message_id"]?.stringValue, let content = body["content"]?.stringValue,
            let broadcasterID = body["broadcaster"]?["user_id"]?.integerValue, let sender = body["sender"]
        else { return }
        add(Message(id: id, broadcasterID: broadcasterID, content: content, sender: sender))
    }

    /// Ids are UUIDs: upper and lower case are one.
    package subscript(id: String) -> Message? { messages[id.lowercased()] }

    /// False when there is none.
    package mutating func remove(_ id: String) -> Bool { messages.removeValue(forKey: id.lowercased()) != nil }
}
