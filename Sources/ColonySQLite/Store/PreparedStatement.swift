import GRDBSQLite
import Synchronization

/// The text of a statement that every connection prepares once and keeps.
///
/// Statements are found by a small number and not by their text: hashing a text of two hundred bytes costs about as
/// much as running the statement. Make them only as static constants.
package struct SQL: Sendable {
    let id: Int
    let text: String

    private static let count = Atomic<Int>(0)

    package init(_ text: StaticString) {
        self.id = Self.count.wrappingAdd(1, ordering: .relaxed).oldValue
        self.text = text.description
    }
}

/// A prepared statement of SQLite, with the few calls that the engines need.
///
/// GRDB's own statements box every argument and every row. At a hundred thousand operations a second that is most of
/// the time of the writer, so the hot path speaks to the C interface.
package final class PreparedStatement {
    private let handle: OpaquePointer
    private unowned let connection: Connection

    init(handle: OpaquePointer, connection: Connection) {
        self.handle = handle
        self.connection = connection
    }

    deinit {
        sqlite3_finalize(self.handle)
    }

    // The statement copies what is bound: a name has 255 bytes at the most, and the pointer of a Swift string does not
    // outlive the closure that gives it.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    package func bind(_ value: Int64, at index: Int32) {
        sqlite3_bind_int64(self.handle, index, value)
    }

    package func bind(real value: Double, at index: Int32) {
        sqlite3_bind_double(self.handle, index, value)
    }

    package func bind(_ value: String, at index: Int32) {
        var value = value
        value.withUTF8 { bytes in
            _ = bytes.withMemoryRebound(to: CChar.self) { characters in
                sqlite3_bind_text(self.handle, index, characters.baseAddress, Int32(characters.count), Self.copied)
            }
        }
    }

    /// Binds bytes; none are bytes too, and not nothing.
    package func bind(_ bytes: [UInt8], at index: Int32) {
        bytes.withUnsafeBytes { buffer in
            if buffer.isEmpty {
                _ = sqlite3_bind_zeroblob(self.handle, index, 0)
            } else {
                _ = sqlite3_bind_blob64(self.handle, index, buffer.baseAddress, UInt64(buffer.count), Self.copied)
            }
        }
    }

    /// Binds a number, or nothing.
    package func bind(optional value: Int64?, at index: Int32) {
        if let value {
            self.bind(value, at: index)
        } else {
            sqlite3_bind_null(self.handle, index)
        }
    }

    /// Binds a text, or nothing: a statement keeps what was bound before, so nothing has to be said as well.
    package func bind(optional value: String?, at index: Int32) {
        if let value {
            self.bind(value, at: index)
        } else {
            sqlite3_bind_null(self.handle, index)
        }
    }

    /// Advances to the next row.
    ///
    /// - Returns: `false` once there is none.
    package func step() throws(StoreError) -> Bool {
        switch sqlite3_step(self.handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            // The reset comes first: it gives up locks, and the error stays readable on the connection.
            let failure = self.connection.failure(code)
            sqlite3_reset(self.handle)
            throw failure
        }
    }

    /// Runs a statement that gives no rows.
    package func run() throws(StoreError) {
        _ = try self.step()
        sqlite3_reset(self.handle)
    }

    /// Runs COMMIT, whose failures mean something else than those of other statements.
    func stepCommit() throws(StoreError) {
        let code = sqlite3_step(self.handle)
        let failure = code == SQLITE_DONE ? nil : self.connection.failure(code, duringCommit: true)
        sqlite3_reset(self.handle)
        if let failure { throw failure }
    }

    package func reset() {
        sqlite3_reset(self.handle)
    }

    package func integer(_ column: Int32) -> Int64 {
        sqlite3_column_int64(self.handle, column)
    }

    package func real(_ column: Int32) -> Double {
        sqlite3_column_double(self.handle, column)
    }

    package func isNull(_ column: Int32) -> Bool {
        sqlite3_column_type(self.handle, column) == SQLITE_NULL
    }

    package func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(self.handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(self.handle, column))))
    }

    package func optionalInteger(_ column: Int32) -> Int64? { self.isNull(column) ? nil : self.integer(column) }

    package func optionalText(_ column: Int32) -> String? { self.isNull(column) ? nil : self.text(column) }

    package func text(_ column: Int32) -> String {
        guard let start = sqlite3_column_text(self.handle, column) else { return "" }
        let count = Int(sqlite3_column_bytes(self.handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Whether the text of a column has exactly these bytes, without making a string of it.
    package func text(_ column: Int32, equals value: String) -> Bool {
        guard let start = sqlite3_column_text(self.handle, column) else { return false }
        let count = Int(sqlite3_column_bytes(self.handle, column))
        return value.utf8.elementsEqual(UnsafeBufferPointer(start: start, count: count))
    }
}
