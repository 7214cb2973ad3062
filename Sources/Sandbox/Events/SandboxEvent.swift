package import Kick

/// Something that happened, for whoever is subscribed to it.
package struct SandboxEvent: Sendable {
    package let type: EventType
    package let broadcasterID: Int
    package let body: JSON
}

/// What a call of the API did: its answer, and what it made happen.
package struct APIOutcome: Sendable {
    package let answer: APIAnswer
    package let events: [SandboxEvent]

    init(_ answer: APIAnswer, _ events: [SandboxEvent] = []) {
        self.answer = answer
        self.events = events
    }
}
