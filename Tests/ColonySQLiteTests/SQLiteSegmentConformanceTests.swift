import ColonyConformance
import ColonyCore
import ColonyIdentifiers
import ColonySQLite
import Foundation
import Synchronization
import Testing

/// Each client stands for a process of its own: it shares the file with the others, and nothing else.
private final class SegmentProcessesHarness: SegmentHarness {
    private let folder: TemporaryFolder
    private let engines = Mutex<[SQLiteSegmentEngine]>([])

    init() throws {
        self.folder = try TemporaryFolder()
    }

    var effort: Double { 0.2 }

    func makeEngine() async throws -> any SegmentEngine {
        let engine = SQLiteSegmentEngine(
            path: self.folder.store, boot: BootIdentity("boot-1"), registry: StoreRegistry())
        self.engines.withLock { $0.append(engine) }
        return engine
    }

    func reopen() async throws -> any SegmentEngine {
        for engine in self.engines.withLock({ $0 }) { await engine.close() }
        return try await self.makeEngine()
    }
}

@Suite("The embedded engine keeps the promises of the segment port", .timeLimit(.minutes(5)))
struct SQLiteSegmentConformanceTests {
    @Test(arguments: SegmentConformance.cases)
    func `several processes`(check: SegmentCase) async throws {
        let outcome = try await check.run(on: SegmentProcessesHarness())
        #expect(outcome == .passed)
    }

    @Test(arguments: SegmentConformance.cases)
    func `one process`(check: SegmentCase) async throws {
        let folder = try TemporaryFolder()
        let outcome = await check.run(on: LiveSegmentHarness { SQLiteSegmentEngine.sqlite(path: folder.store) })
        #expect(outcome == .passed)
    }
}

@Suite("The embedded segment engine", .timeLimit(.minutes(2)))
struct SQLiteSegmentEngineTests {
    @Test func `it shares the store of its file with the lease engine`() async throws {
        let folder = try TemporaryFolder()
        let leases = SQLiteLeaseEngine.sqlite(path: folder.store)
        let segments = SQLiteSegmentEngine.sqlite(path: folder.store)
        #expect(try leases.storeForTesting === segments.storeForTesting)
        _ = try await leases.tryAcquire("job", owner: "a", for: .seconds(60))
        #expect(try await segments.takeSegment(SegmentRequest("orders", count: 5)).range == 1..<6)
        await leases.close()
        #expect(try await segments.takeSegment(SegmentRequest("orders", count: 5)).range == 6..<11)
        await segments.close()
    }

    @Test func `numbers go on after the host has restarted, which ends leases`() async throws {
        let folder = try TemporaryFolder()
        for (round, boot) in ["boot-1", "boot-2", "boot-3"].enumerated() {
            let engine = SQLiteSegmentEngine(path: folder.store, boot: BootIdentity(boot), registry: StoreRegistry())
            let range = try await engine.takeSegment(SegmentRequest("orders", count: 10, scheme: "s")).range
            #expect(range.lowerBound == Int64(round * 10 + 1))
            await engine.close()
        }
    }

    @Test func `after it was closed it refuses with the file's name`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteSegmentEngine.sqlite(path: folder.store)
        await engine.close()
        await engine.close()
        for call in [
            { _ = try await engine.takeSegment(SegmentRequest("orders", count: 1)) },
            { _ = try await engine.inspect("orders") }, { _ = try await engine.records(after: nil, limit: 1) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: IdentifierError.self) { try await call() }
            #expect(error?.code == .closed)
            #expect(error?.message.contains(folder.store) == true)
        }
    }

    @Test func `a folder that does not exist is a storage failure that names it`() async throws {
        let engine = SQLiteSegmentEngine.sqlite(path: "/nonexistent/colony.db")
        let error = await #expect(throws: IdentifierError.self) {
            try await engine.takeSegment(SegmentRequest("orders", count: 1))
        }
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains("/nonexistent") == true)
        await engine.close()
    }

    @Test func `a damaged number is refused, because going on from it would repeat numbers`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteSegmentEngine.sqlite(path: folder.store)
        _ = try await engine.takeSegment(SegmentRequest("orders", count: 5))
        try await engine.storeForTesting.write { transaction throws(StoreError) in
            try transaction.connection.run(Self.damage)
        }
        let error = await #expect(throws: IdentifierError.self) {
            try await engine.takeSegment(SegmentRequest("orders", count: 5))
        }
        #expect(error?.code == .storageFailed)
        #expect(error?.message.contains("orders") == true)
        await engine.close()
    }

    private static let damage = SQL("UPDATE segment SET next = -7")

    @Test func `no file is made before the first call`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteSegmentEngine.sqlite(path: folder.store)
        let generator = SegmentIDGenerator("orders", on: engine)
        #expect(!FileManager.default.fileExists(atPath: folder.store))
        #expect(try await generator.next() == 1)
        #expect(FileManager.default.fileExists(atPath: folder.store))
        await generator.close()
        await engine.close()
    }
}
