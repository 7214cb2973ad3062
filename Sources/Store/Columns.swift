package import Model
package import Postgres

// How the product's values stand in columns.

extension TenantID: Bindable, ColumnDecodable {}
extension AppID: Bindable, ColumnDecodable {}
extension KeyID: Bindable, ColumnDecodable {}
extension LoginID: Bindable, ColumnDecodable {}
extension ConnectLinkID: Bindable, ColumnDecodable {}

/// `timestamptz`: microseconds, which PostgreSQL counts from 2000-01-01.
extension Timestamp: Bindable, BindableElement, ColumnDecodable {
    private static let postgresEpoch: Int64 = 946_684_800_000_000

    package static var dataType: DataType { .timestamptz }
    package static var arrayType: DataType { .timestamptzArray }

    package func encode(into bytes: inout [UInt8]) -> Bool {
        (microseconds - Self.postgresEpoch).encode(into: &bytes)
    }

    package static func decode(_ bytes: RawSpan, as type: DataType) -> Timestamp? {
        guard type == .timestamptz, let microseconds = Int64.decode(bytes, as: .int8) else { return nil }
        let (sum, overflow) = microseconds.addingReportingOverflow(postgresEpoch)
        return overflow ? nil : Timestamp(microseconds: sum)
    }
}

extension DatabaseError: Unavailability {}
