/// A PostgreSQL data type by its object id (pg_type.oid; those of built-in types never change).
package struct DataType: Hashable, Sendable {
    package let oid: UInt32

    package init(oid: UInt32) {
        self.oid = oid
    }

    package static let bool = DataType(oid: 16)
    package static let bytea = DataType(oid: 17)
    package static let name = DataType(oid: 19)
    package static let int8 = DataType(oid: 20)
    package static let int2 = DataType(oid: 21)
    package static let int4 = DataType(oid: 23)
    package static let text = DataType(oid: 25)
    package static let json = DataType(oid: 114)
    package static let float4 = DataType(oid: 700)
    package static let float8 = DataType(oid: 701)
    package static let unknown = DataType(oid: 705)
    package static let blankPaddedText = DataType(oid: 1042)
    package static let varchar = DataType(oid: 1043)
    package static let timestamp = DataType(oid: 1114)
    package static let timestamptz = DataType(oid: 1184)
    package static let interval = DataType(oid: 1186)
    package static let jsonb = DataType(oid: 3802)

    static let boolArray = DataType(oid: 1000)
    static let byteaArray = DataType(oid: 1001)
    static let int4Array = DataType(oid: 1007)
    static let textArray = DataType(oid: 1009)
    static let int8Array = DataType(oid: 1016)
    static let float8Array = DataType(oid: 1022)
    package static let timestamptzArray = DataType(oid: 1185)
    static let intervalArray = DataType(oid: 1187)
    static let jsonbArray = DataType(oid: 3807)
}
