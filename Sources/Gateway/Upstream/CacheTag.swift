/// What a remembered answer is about, and a write changes.
package enum CacheTag: Hashable, Sendable, LosslessStringConvertible {
    case channel(Int64)
    case rewards(Int64)
    case ads(Int64)

    package var description: String {
        switch self {
        case .channel(let id): "channel:\(id)"
        case .rewards(let id): "rewards:\(id)"
        case .ads(let id): "ads:\(id)"
        }
    }

    package init?(_ description: String) {
        let parts = description.split(separator: ":")
        guard parts.count == 2, let id = Int64(parts[1]) else { return nil }
        switch parts[0] {
        case "channel": self = .channel(id)
        case "rewards": self = .rewards(id)
        case "ads": self = .ads(id)
        default: return nil
        }
    }
}
