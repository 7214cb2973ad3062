/// A user as the API tells (FACTS §2.2). Empty texts become nil.
package struct KickUser: Decodable, Sendable {
    package let userID: Int64
    package let name: String?
    /// Only for the token's own user.
    package let email: String?
    /// URL.
    package let profilePicture: String?

    enum CodingKeys: String, CodingKey {
        case userID = "user_id"
        case name, email
        case profilePicture = "profile_picture"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        userID = try container.decode(Int64.self, forKey: .userID)
        name = try container.decodeText(forKey: .name)
        email = try container.decodeText(forKey: .email)
        profilePicture = try container.decodeText(forKey: .profilePicture)
    }
}
