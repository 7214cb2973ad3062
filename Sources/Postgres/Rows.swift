import CPostgres
import Glibc

/// A result as libpq holds it. Read-only once made, so that it may be read from anywhere.
@safe
final class QueryResult: @unchecked Sendable {
    private let result: OpaquePointer

    let status: ExecStatusType
    let rowCount: Int
    let columnCount: Int

    /// Takes the result over and frees it at the end.
    init(taking result: OpaquePointer) {
        unsafe self.result = unsafe result
        status = unsafe PQresultStatus(result)
        rowCount = Int(unsafe PQntuples(result))
        columnCount = Int(unsafe PQnfields(result))
    }

    deinit {
        unsafe PQclear(result)
    }

    /// Rows inserted, updated, deleted or selected.
    var affectedRows: Int {
        guard let text = unsafe PQcmdTuples(result) else { return 0 }
        return Int(unsafe atoll(text))
    }

    /// The command that ran: `COMMIT`, `ROLLBACK`.
    var commandTag: String {
        unsafe String(cString: PQcmdStatus(result))
    }

    /// A field of an error: `M` the message, `C` the SQLSTATE … (protocol documentation, error fields).
    func errorField(_ code: Character) -> String? {
        unsafe PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { unsafe String(cString: $0) }
    }

    func columnIndex(named name: String) -> Int? {
        (0..<columnCount).first { unsafe strcmp(PQfname(result, Int32($0)), name) == 0 }
    }

    func columnName(_ column: Int) -> String {
        unsafe PQfname(result, Int32(column)).map { unsafe String(cString: $0) } ?? ""
    }

    func columnType(_ column: Int) -> DataType {
        DataType(oid: unsafe PQftype(result, Int32(column)))
    }

    func decode<Value: ColumnDecodable>(_ type: Value.Type, row: Int, column: Int) throws(DatabaseError) -> Value {
        let (r, c) = (Int32(row), Int32(column))
        if unsafe PQgetisnull(result, r, c) != 0 {
            if let null = Value.null { return null }
            throw unfit(type, column: column, "is NULL")
        }
        let bytes = unsafe UnsafeRawBufferPointer(
            start: PQgetvalue(result, r, c), count: Int(PQgetlength(result, r, c)))
        guard let value = unsafe Value.decode(bytes.bytes, as: columnType(column)) else {
            throw unfit(type, column: column, "has the type \(columnType(column).oid) or a value outside of it")
        }
        return value
    }

    private func unfit(_ type: Any.Type, column: Int, _ reason: String) -> DatabaseError {
        DatabaseError(
            .decoding, "a database column is not what the program expects",
            details: "column \"\(columnName(column))\" \(reason), wanted \(type)")
    }
}

/// The rows that a query returned.
package struct Rows: Sendable, RandomAccessCollection {
    private let result: QueryResult

    init(_ result: QueryResult) {
        self.result = result
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { result.rowCount }

    package subscript(position: Int) -> Row {
        precondition(position >= 0 && position < result.rowCount, "row out of range")
        return Row(result: result, index: position)
    }

    /// Rows inserted, updated, deleted or selected by the statement.
    package var affectedRows: Int { result.affectedRows }

    var commandTag: String { result.commandTag }
}

/// One row: its columns by name or position.
package struct Row: Sendable {
    fileprivate let result: QueryResult
    fileprivate let index: Int

    /// The column as the asked-for type; NULL only as an Optional.
    ///
    /// Throws `.decoding` when there is no such column, or it does not fit.
    package subscript<Value: ColumnDecodable>(_ name: String, as type: Value.Type = Value.self) -> Value {
        get throws(DatabaseError) {
            guard let column = result.columnIndex(named: name) else {
                throw DatabaseError(
                    .decoding, "a database column is not what the program expects", details: "no column \"\(name)\"")
            }
            return try result.decode(type, row: index, column: column)
        }
    }

    /// The column at the position, from 0, as the asked-for type.
    package subscript<Value: ColumnDecodable>(_ column: Int, as type: Value.Type = Value.self) -> Value {
        get throws(DatabaseError) {
            guard column >= 0 && column < result.columnCount else {
                throw DatabaseError(
                    .decoding, "a database column is not what the program expects", details: "no column \(column)")
            }
            return try result.decode(type, row: index, column: column)
        }
    }
}
