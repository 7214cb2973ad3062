import FoundationEssentials
import Model

extension GatewayEvent {
    /// An event with this payload: texts, numbers and lists of them, of which nothing can fail to be written.
    init(type: String, broadcasterUserID: Int64, payload: some Encodable) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = (try? encoder.encode(payload)).map(Array.init) ?? Array("{}".utf8)
        self.init(type: type, broadcasterUserID: broadcasterUserID, body: bytes)
    }
}
