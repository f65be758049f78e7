import ColonyCore
import ColonySQLite
import Foundation
import GRDB
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("A file that cannot be used", .timeLimit(.minutes(2)))
struct BadFileTests {
    /// Asks for a lease and gives the error.
    private func refusal(_ path: String) async -> LeaseError? {
        let engine = SQLiteLeaseEngine.sqlite(path: path)
        let error = await #expect(throws: LeaseError.self) {
            _ = try await engine.tryAcquire("job", owner: "a", for: .seconds(60))
        }
        await #expect(throws: LeaseError.self) { _ = try await engine.inspect("job") }
        await engine.close()
        return error
    }

    @Test func `a missing directory is named, with the command that makes it`() async throws {
        let folder = try TemporaryFolder()
        let error = await self.refusal(folder.path(of: "missing/colony.db"))
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains("\(folder.path)/missing") == true)
        #expect(error?.message.contains("mkdir -p") == true)
    }

    @Test func `a directory is not a store`() async throws {
        let folder = try TemporaryFolder()
        let error = await self.refusal(folder.path)
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains(folder.path) == true)
        #expect(error?.message.contains("directory") == true)
    }

    @Test(arguments: ["", ":memory:", "a\u{0}b"])
    func `what is no path is refused`(path: String) async throws {
        #expect(await self.refusal(path)?.code == .storageFailed)
    }

    @Test func `a file of another kind is refused and left as it was`() async throws {
        let folder = try TemporaryFolder()
        let text = String(repeating: "This is no database. ", count: 100)
        try text.write(toFile: folder.store, atomically: true, encoding: .utf8)
        let error = await self.refusal(folder.store)
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains(folder.store) == true)
        #expect(error?.message.contains("no SQLite database") == true)
        #expect(try String(contentsOfFile: folder.store, encoding: .utf8) == text)
    }

    @Test func `the database of another program is refused and left as it was`() async throws {
        let folder = try TemporaryFolder()
        do {
            let queue = try DatabaseQueue(path: folder.store)
            try await queue.write { try $0.execute(sql: "CREATE TABLE customer (id INTEGER PRIMARY KEY)") }
            try queue.close()
        }
        let before = try Data(contentsOf: URL(fileURLWithPath: folder.store))
        let error = await self.refusal(folder.store)
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains(folder.store) == true)
        #expect(error?.message.contains("another program") == true)
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder.store)) == before)
    }

    @Test func `a store of a newer version is refused`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        _ = try await engine.tryAcquire("job", owner: "a", for: .seconds(60))
        await engine.close()
        do {
            let queue = try DatabaseQueue(path: folder.store)
            try await queue.write {
                try $0.execute(sql: "UPDATE colony SET schema = 999")
            }
            try queue.close()
        }
        let error = await self.refusal(folder.store)
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains("newer version") == true)
        #expect(error?.message.contains(folder.store) == true)
    }

    @Test func `a damaged store is refused, and serves again when it is repaired`() async throws {
        let folder = try TemporaryFolder()
        let first = SQLiteLeaseEngine.sqlite(path: folder.store)
        let lease = try #require(try await first.tryAcquire("job", owner: "a", for: .seconds(600)).lease)
        await first.close()
        let good = try Data(contentsOf: URL(fileURLWithPath: folder.store))
        var bad = good
        // The header is left, so that the file passes for a database; the pages behind it are noise.
        for index in 4_096..<bad.count { bad[index] = UInt8(truncatingIfNeeded: index &* 31 &+ 7) }
        try bad.write(to: URL(fileURLWithPath: folder.store))
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        let error = await #expect(throws: LeaseError.self) {
            _ = try await engine.tryAcquire("job", owner: "b", for: .seconds(60))
        }
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains("damaged") == true)
        #expect(error?.message.contains(folder.store) == true)
        try good.write(to: URL(fileURLWithPath: folder.store))
        #expect(try await engine.inspect("job")?.token == lease.token)
        #expect(try await engine.tryAcquire("job", owner: "b", for: .seconds(60)).lease == nil)
        await engine.close()
    }

    @Test func `a store that is removed while it is open is noticed, and a new one begins`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(600)).lease)
        for suffix in ["", "-wal", "-shm"] {
            try FileManager.default.removeItem(atPath: folder.store + suffix)
        }
        let error = await #expect(throws: LeaseError.self) { _ = try await engine.renew(lease, for: .seconds(600)) }
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains("removed or replaced") == true)
        // Never renewed in a file that others cannot see.
        #expect(try await engine.renew(lease, for: .seconds(600)) == nil)
        await engine.close()
    }

    @Test func `a file that may not be written is refused`() async throws {
        guard geteuid() != 0 else {
            print("skipped: root may write files whatever their permissions; run as another user to test this")
            return
        }
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        _ = try await engine.tryAcquire("job", owner: "a", for: .seconds(60))
        await engine.close()
        chmod(folder.store, 0o444)
        let error = await self.refusal(folder.store)
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains("may not be written") == true)
    }
}
