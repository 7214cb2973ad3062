/// Something that the gateway itself has to say to a tenant, in its log and its streams.
package struct GatewayEvent: Sendable {
    /// What every type begins with, and no webhook's may: the type of a webhook is not signed.
    package static let prefix = "gateway."

    package let type: String
    package let broadcasterUserID: Int64
    /// JSON.
    package let body: [UInt8]

    package init(type: String, broadcasterUserID: Int64, body: [UInt8]) {
        self.type = type
        self.broadcasterUserID = broadcasterUserID
        self.body = body
    }
}
