/// An error that can say whether the same may succeed later without any change. It lets rooms that do not know the
/// database tell "away" from "broken".
package protocol Unavailability: Error {
    var isUnavailable: Bool { get }
    /// Whether what was asked for may have happened all the same.
    var outcomeIsUnknown: Bool { get }
}
