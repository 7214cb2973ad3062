/// The place a secret belongs to. It is authenticated with the ciphertext, so sealed bytes that are copied to another
/// table, tenant, row or column do not open there (P6).
package struct SealingContext: Hashable, Sendable {
    package let table: String
    package let tenant: String
    package let row: String
    package let column: String

    /// Names a place. Every part must be known and stable before the first write: renaming one of them means resealing.
    package init(table: String, tenant: String, row: String, column: String) {
        self.table = table
        self.tenant = tenant
        self.row = row
        self.column = column
    }

    /// Each part with a four-byte length before it: without lengths `("ab", "c")` and `("a", "bc")` would be the same.
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        for part in [table, tenant, row, column] {
            let text = Array(part.utf8)
            let length = UInt32(text.count)
            for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
            bytes += text
        }
        return bytes
    }
}
