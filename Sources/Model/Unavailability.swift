/// An error that can say whether the same may succeed later without any change. It lets rooms that do not know the
/// database tell "away" from "broken".
package protocol Unavailability: Error {
    var isUnavailable: Bool { get }
}
