#if Postgres
internal import CLibPQ

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A connection to a server without any of the client under test, for tests that have so many descriptors open that starting
/// the program `psql` takes long.
///
/// `@unchecked Sendable`: one task of a test uses it.
final class RawClient: @unchecked Sendable {
    private let handle: OpaquePointer

    init(_ server: PostgresProcess) throws {
        let text =
            "host=127.0.0.1 port=\(server.port) user=colony password='\(PostgresProcess.password)' dbname=postgres "
            + "application_name=test"
        guard let handle = PQconnectdb(text) else { throw Disappointment(description: "no memory to connect") }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else {
            throw Disappointment(description: String(cString: PQerrorMessage(handle)))
        }
    }

    deinit { PQfinish(self.handle) }

    /// The first value of the answer.
    func ask(_ sql: String) throws -> String {
        let result = PQexec(self.handle, sql)
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_TUPLES_OK, PQntuples(result) > 0, let value = PQgetvalue(result, 0, 0)
        else { throw Disappointment(description: String(cString: PQerrorMessage(self.handle))) }
        return String(cString: value)
    }

    /// Runs a statement with parameters as text, as a client library does.
    ///
    /// - Returns: The first value of the answer; `nil` if it has none.
    @discardableResult
    func run(_ sql: String, _ parameters: [String?] = []) throws -> String? {
        let copies = parameters.map { $0.flatMap { strdup($0) } }
        defer { for copy in copies { free(copy) } }
        let values = copies.map { $0.map { UnsafePointer($0) } }
        let result = PQexecParams(self.handle, sql, Int32(values.count), nil, values, nil, nil, 0)
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
            throw Disappointment(description: String(cString: PQerrorMessage(self.handle)))
        }
        guard PQntuples(result) > 0, let value = PQgetvalue(result, 0, 0) else { return nil }
        return String(cString: value)
    }
}
#endif
