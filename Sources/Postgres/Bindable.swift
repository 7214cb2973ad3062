package import FoundationEssentials

/// A value that can be a parameter of a query, sent in PostgreSQL's binary format.
///
/// A type around one bindable value gets it for nothing: `extension TenantID: Bindable {}` for a `RawRepresentable`.
package protocol Bindable: Sendable {
    /// What the parameter is declared as.
    static var dataType: DataType { get }
    /// Appends the value, or returns false for NULL.
    func encode(into bytes: inout [UInt8]) -> Bool
}

/// A value that can be an element of an array parameter, and of an array column.
package protocol BindableElement: Sendable {
    /// What an array of it is declared as.
    static var arrayType: DataType { get }
    static func encodeArray(_ array: [Self], into bytes: inout [UInt8])
}

extension BindableElement where Self: Bindable {
    package static func encodeArray(_ array: [Self], into bytes: inout [UInt8]) {
        // Dimensions, whether there are NULLs (the server looks itself), element type; length and lower bound of the
        // one dimension; then each element with its length. An empty array has no dimension.
        bytes.appendBigEndian(Int32(array.isEmpty ? 0 : 1))
        bytes.appendBigEndian(Int32(0))
        bytes.appendBigEndian(dataType.oid)
        guard !array.isEmpty else { return }
        bytes.appendBigEndian(Int32(array.count))
        bytes.appendBigEndian(Int32(1))
        for element in array {
            let start = bytes.count
            bytes.appendBigEndian(Int32(-1))
            guard element.encode(into: &bytes) else {
                bytes.removeSubrange((start + 4)...)
                continue
            }
            bytes.putBigEndian(Int32(bytes.count - start - 4), at: start)
        }
    }
}

extension Array: Bindable where Element: BindableElement {
    package static var dataType: DataType { Element.arrayType }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        Element.encodeArray(self, into: &bytes)
        return true
    }
}

/// An array of bytes is one `bytea`.
extension UInt8: BindableElement {
    package static var arrayType: DataType { .bytea }

    package static func encodeArray(_ array: [UInt8], into bytes: inout [UInt8]) {
        bytes += array
    }
}

extension Array: BindableElement where Element == UInt8 {
    package static var arrayType: DataType { .byteaArray }
}

/// Nil is a NULL of the wrapped type.
extension Optional: Bindable where Wrapped: Bindable {
    package static var dataType: DataType { Wrapped.dataType }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        self?.encode(into: &bytes) ?? false
    }
}

extension Optional: BindableElement where Wrapped: BindableElement & Bindable {
    package static var arrayType: DataType { Wrapped.arrayType }
}

extension RawRepresentable where Self: Bindable, RawValue: Bindable {
    package static var dataType: DataType { RawValue.dataType }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        rawValue.encode(into: &bytes)
    }
}

extension RawRepresentable where Self: BindableElement, RawValue: BindableElement {
    package static var arrayType: DataType { RawValue.arrayType }
}

// MARK: Scalars

/// `text`. The server refuses a string with U+0000 (SQLSTATE 22021).
extension String: Bindable, BindableElement {
    package static var dataType: DataType { .text }
    package static var arrayType: DataType { .textArray }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes += utf8
        return true
    }
}

extension Int64: Bindable, BindableElement {
    package static var dataType: DataType { .int8 }
    package static var arrayType: DataType { .int8Array }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.appendBigEndian(self)
        return true
    }
}

extension Int: Bindable, BindableElement {
    package static var dataType: DataType { .int8 }
    package static var arrayType: DataType { .int8Array }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.appendBigEndian(Int64(self))
        return true
    }
}

extension Int32: Bindable, BindableElement {
    package static var dataType: DataType { .int4 }
    package static var arrayType: DataType { .int4Array }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.appendBigEndian(self)
        return true
    }
}

extension Bool: Bindable, BindableElement {
    package static var dataType: DataType { .bool }
    package static var arrayType: DataType { .boolArray }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.append(self ? 1 : 0)
        return true
    }
}

extension Double: Bindable, BindableElement {
    package static var dataType: DataType { .float8 }
    package static var arrayType: DataType { .float8Array }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        bytes.appendBigEndian(bitPattern)
        return true
    }
}

/// `timestamptz`, to the microsecond. Beyond what 64 bits of microseconds hold it is `infinity` or `-infinity`.
extension Date: Bindable, BindableElement {
    package static var dataType: DataType { .timestamptz }
    package static var arrayType: DataType { .timestamptzArray }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        // The reference date is 2001-01-01, PostgreSQL counts from 2000-01-01: 366 days.
        let microseconds = ((timeIntervalSinceReferenceDate + 31_622_400) * 1_000_000).rounded()
        bytes.appendBigEndian(Int64(exactly: microseconds) ?? (microseconds < 0 ? .min : .max))
        return true
    }
}

/// `interval`, to the microsecond, without days or months.
extension Duration: Bindable, BindableElement {
    package static var dataType: DataType { .interval }
    package static var arrayType: DataType { .intervalArray }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let fraction = attoseconds / 1_000_000_000_000
        bytes.appendBigEndian(overflow ? (seconds < 0 ? Int64.min : Int64.max) : whole &+ fraction)
        bytes.appendBigEndian(Int64(0))
        return true
    }
}

/// JSON text as `jsonb`, or read from a `json` or `jsonb` column. The server checks it.
package struct JSONBytes: Bindable, BindableElement, Hashable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package static var dataType: DataType { .jsonb }
    package static var arrayType: DataType { .jsonbArray }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        // The version of the binary format, then the text.
        bytes.append(1)
        bytes += self.bytes
        return true
    }
}

// MARK: Big-endian

extension [UInt8] {
    mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func putBigEndian(_ value: Int32, at offset: Int) {
        for index in 0..<4 {
            self[offset + index] = UInt8(truncatingIfNeeded: value >> (24 - 8 * Int32(index)))
        }
    }
}
