/// What was answered to a request, kept for those who repeat it.
package struct KeptAnswer: Sendable, Equatable {
    /// Of HTTP.
    package let status: Int
    /// Header fields and body, as whoever kept them wrote them. May hold secrets.
    package let text: String

    package init(status: Int, text: String) {
        self.status = status
        self.text = text
    }
}
