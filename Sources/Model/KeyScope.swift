/// What an API key may do. A key has one or more.
package enum KeyScope: String, Sendable, Codable, CaseIterable, CustomStringConvertible {
    case eventsRead = "events:read"
    case eventsWrite = "events:write"
    case loginsRead = "logins:read"
    case loginsWrite = "logins:write"
    case subscriptionsRead = "subscriptions:read"
    case subscriptionsWrite = "subscriptions:write"

    package var description: String { rawValue }
}
