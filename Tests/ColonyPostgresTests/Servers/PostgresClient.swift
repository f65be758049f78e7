#if Postgres
internal import CLibPQ
import ColonyCore
import Synchronization

/// A client of a test's own, as a user's would be: one connection, on a thread of its own because its library blocks.
///
/// `@unchecked Sendable`: `handle` is used on the thread of `turns` only, or under its lock.
final class PostgresClient: @unchecked Sendable {
    struct Failure: Error, CustomStringConvertible {
        let state: String
        let description: String
    }

    private let handle: OpaquePointer
    /// One transaction at a time.
    private let executor = DedicatedExecutor(named: "test-pg-client")

    init(_ server: PostgresProcess, database: String = "postgres") throws {
        let text =
            "host=127.0.0.1 port=\(server.port) user=colony password='\(PostgresProcess.password)' dbname=\(database) "
            + "application_name=test"
        guard let handle = PQconnectdb(text) else { throw Disappointment(description: "no memory to connect") }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else {
            throw Disappointment(description: String(cString: PQerrorMessage(handle)))
        }
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
    }

    deinit { PQfinish(self.handle) }

    /// Runs a statement with parameters of type `text`.
    func run(_ sql: String, _ parameters: [String] = []) throws -> [[String?]] {
        let copies = parameters.map { text in
            text.utf8CString.withUnsafeBufferPointer { bytes in
                let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count)
                _ = copy.initialize(from: bytes)
                return copy
            }
        }
        defer { for copy in copies { copy.deallocate() } }
        let pointers = copies.map { UnsafePointer($0.baseAddress) }
        let result = PQexecParams(self.handle, sql, Int32(parameters.count), nil, pointers, nil, nil, 0)
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK: return []
        case PGRES_TUPLES_OK:
            return (0..<PQntuples(result)).map { row in
                (0..<PQnfields(result)).map { column in
                    PQgetisnull(result, row, column) == 1 ? nil : String(cString: PQgetvalue(result, row, column))
                }
            }
        default:
            let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
            throw Failure(state: state ?? "", description: String(cString: PQerrorMessage(self.handle)))
        }
    }

    /// Runs statements in a transaction, which an error ends. One task of a test at a time.
    func transaction<Value: Sendable>(
        isolation: String = "READ COMMITTED",
        _ body: @escaping @Sendable (_ run: (String, [String]) throws -> [[String?]]) async throws -> Value
    ) async throws -> Value {
        // The library blocks its thread, so it has one of its own.
        try await Task(executorPreference: self.executor) {
            _ = try self.run("BEGIN ISOLATION LEVEL \(isolation)")
            do {
                let value = try await body { try self.run($0, $1) }
                _ = try self.run("COMMIT")
                return value
            } catch {
                _ = try? self.run("ROLLBACK")
                throw error
            }
        }.value
    }
}
#endif
