import ColonyCore
import ColonySQLite
import Testing

@Suite("A read whose task is cancelled", .timeLimit(.minutes(1)))
struct InterruptedReadTests {
    private static let threeRows = SQL(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n")

    @Test func `in the middle of a statement, it says that it was cancelled, and the next one reads`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine(path: folder.store)
        defer { withExtendedLifetime(engine) {} }
        let store = try engine.storeForTesting
        let reading = Task {
            try await store.read { connection throws(StoreError) -> Int64 in
                let statement = try connection.prepared(Self.threeRows)
                defer { statement.reset() }
                _ = try statement.step()
                // The cancellation interrupts what the connection is doing, which is this statement.
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try statement.step()
                return statement.integer(0)
            }
        }
        let outcome = await reading.result
        let error = #expect(throws: StoreError.self) { try outcome.get() }
        #expect(error?.code == .cancelled, "\(error?.message ?? "")")
        let last = try await store.read { connection throws(StoreError) -> Int64 in
            let statement = try connection.prepared(Self.threeRows)
            defer { statement.reset() }
            for _ in 0..<3 { _ = try statement.step() }
            return statement.integer(0)
        }
        #expect(last == 3)
    }
}
