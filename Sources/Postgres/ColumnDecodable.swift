package import FoundationEssentials

/// A value that can be read from a column in PostgreSQL's binary format.
package protocol ColumnDecodable {
    /// Reads a value that is not NULL. Nil when the column's type or its bytes do not fit.
    static func decode(_ bytes: RawSpan, as type: DataType) -> Self?
    /// What NULL becomes; nil when it is an error.
    static var null: Self? { get }
}

extension ColumnDecodable {
    package static var null: Self? { nil }
}

extension Optional: ColumnDecodable where Wrapped: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> Wrapped?? {
        guard let value = Wrapped.decode(bytes, as: type) else { return nil }
        return .some(value)
    }

    package static var null: Wrapped?? { .some(nil) }
}

extension RawRepresentable where Self: ColumnDecodable, RawValue: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> Self? {
        RawValue.decode(bytes, as: type).flatMap(Self.init(rawValue:))
    }
}

// MARK: Scalars

extension String: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> String? {
        switch type {
        case .text, .varchar, .blankPaddedText, .name, .json, .unknown: String(utf8: bytes)
        case .jsonb: bytes.isVersion1 ? String(utf8: bytes.extracting(1...)) : nil
        default: nil
        }
    }
}

extension Int64: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> Int64? {
        switch type {
        case .int8: bytes.bigEndian(at: 0, as: Int64.self)
        case .int4: bytes.bigEndian(at: 0, as: Int32.self).map(Int64.init)
        case .int2: bytes.bigEndian(at: 0, as: Int16.self).map(Int64.init)
        default: nil
        }
    }
}

extension Int: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> Int? {
        Int64.decode(bytes, as: type).map(Int.init)
    }
}

extension Int32: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> Int32? {
        Int64.decode(bytes, as: type).flatMap(Int32.init(exactly:))
    }
}

extension Bool: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> Bool? {
        guard type == .bool else { return nil }
        return bytes.bigEndian(at: 0, as: UInt8.self).map { $0 != 0 }
    }
}

extension Double: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> Double? {
        switch type {
        case .float8: bytes.bigEndian(at: 0, as: UInt64.self).map(Double.init(bitPattern:))
        case .float4: bytes.bigEndian(at: 0, as: UInt32.self).map { Double(Float(bitPattern: $0)) }
        default: nil
        }
    }
}

/// From `timestamptz`; `infinity` becomes the distant future, `-infinity` the distant past.
extension Date: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> Date? {
        guard type == .timestamptz, let microseconds = bytes.bigEndian(at: 0, as: Int64.self) else { return nil }
        switch microseconds {
        case .max: return .distantFuture
        case .min: return .distantPast
        default:
            // Whole seconds and the rest apart: one division of the large number would lose the last microsecond.
            let (seconds, rest) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
            return Date(timeIntervalSinceReferenceDate: Double(seconds - 31_622_400) + Double(rest) / 1_000_000)
        }
    }
}

extension JSONBytes: ColumnDecodable {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> JSONBytes? {
        switch type {
        case .json, .text: JSONBytes([UInt8](bytes))
        case .jsonb: bytes.isVersion1 ? JSONBytes([UInt8](bytes.extracting(1...))) : nil
        default: nil
        }
    }
}

// MARK: Arrays

/// A value that can be an element of an array column.
package protocol ColumnDecodableElement {
    static func decodeArray(_ bytes: RawSpan, as type: DataType) -> [Self]?
}

extension ColumnDecodableElement where Self: ColumnDecodable {
    /// One dimension, as `BindableElement` writes it.
    package static func decodeArray(_ bytes: RawSpan, as type: DataType) -> [Self]? {
        guard let dimensions = bytes.bigEndian(at: 0, as: Int32.self),
            let oid = bytes.bigEndian(at: 8, as: UInt32.self)
        else { return nil }
        if dimensions == 0 { return [] }
        guard dimensions == 1, let count = bytes.bigEndian(at: 12, as: Int32.self), count >= 0 else { return nil }
        var array: [Self] = []
        array.reserveCapacity(min(Int(count), bytes.byteCount / 4))
        var offset = 20
        for _ in 0..<count {
            guard let length = bytes.bigEndian(at: offset, as: Int32.self) else { return nil }
            offset += 4
            if length < 0 {
                guard let null = Self.null else { return nil }
                array.append(null)
                continue
            }
            let end = offset + Int(length)
            guard end <= bytes.byteCount,
                let element = Self.decode(bytes.extracting(offset..<end), as: DataType(oid: oid))
            else { return nil }
            array.append(element)
            offset = end
        }
        return array
    }
}

extension Array: ColumnDecodable where Element: ColumnDecodableElement {
    package static func decode(_ bytes: RawSpan, as type: DataType) -> [Element]? {
        Element.decodeArray(bytes, as: type)
    }
}

extension UInt8: ColumnDecodableElement {
    package static func decodeArray(_ bytes: RawSpan, as type: DataType) -> [UInt8]? {
        switch type {
        case .bytea, .text, .varchar, .json: [UInt8](bytes)
        case .jsonb: bytes.isVersion1 ? [UInt8](bytes.extracting(1...)) : nil
        default: nil
        }
    }
}

extension Array: ColumnDecodableElement where Element == UInt8 {}
extension String: ColumnDecodableElement {}
extension Int64: ColumnDecodableElement {}
extension Int: ColumnDecodableElement {}
extension Int32: ColumnDecodableElement {}
extension Bool: ColumnDecodableElement {}
extension Double: ColumnDecodableElement {}
extension Date: ColumnDecodableElement {}
extension JSONBytes: ColumnDecodableElement {}
extension Optional: ColumnDecodableElement where Wrapped: ColumnDecodable {}

// MARK: Bytes

extension RawSpan {
    /// The integer at the offset, nil when it would reach past the end.
    func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Value.Type) -> Value? {
        guard byteCount - offset >= MemoryLayout<Value>.size else { return nil }
        return Value(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }

    /// Whether this is a `jsonb` value as we know it: a version byte and then the text.
    var isVersion1: Bool { bigEndian(at: 0, as: UInt8.self) == 1 }
}

extension [UInt8] {
    init(_ span: RawSpan) {
        self = unsafe span.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}

extension String {
    /// The server sends valid UTF-8 (client_encoding); anything else would be repaired.
    init(utf8 span: RawSpan) {
        self = unsafe span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }
}
