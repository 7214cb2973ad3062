/// A value that never prints: a token, a client secret, a stream key.
///
/// Interpolating, dumping or logging it yields `[redacted]`; only ``reveal()`` gives the value, and its callers can be
/// found by searching for that name (P6).
package struct Secret<Value: Sendable>: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let value: Value

    package init(_ value: Value) {
        self.value = value
    }

    /// The value itself. Call it where the secret leaves for its one purpose, not earlier.
    package func reveal() -> Value {
        value
    }

    package var description: String { "[redacted]" }
    package var debugDescription: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension Secret: Equatable where Value: Equatable {}
