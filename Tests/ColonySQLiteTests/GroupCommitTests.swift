import ColonyCore
import ColonySQLite
import Foundation
import Synchronization
import Testing

/// Holds the writer's thread inside an operation until it is opened, so that what comes meanwhile meets in one batch.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var isReached = false
    }

    private let condition = ThreadCondition(State())

    var isReached: Bool { self.condition.withLock { $0.isReached } }

    func pass() {
        self.condition.withLock { $0.isReached = true }
        self.condition.waitLoop { state -> ThreadCondition<State>.WaitDecision<Void> in
            state.isOpen ? .done(()) : .wait(atMost: .seconds(10))
        }
    }

    func open() {
        self.condition.withLock { $0.isOpen = true }
        self.condition.signal()
    }
}

/// Something that was said once.
final class Flag: Sendable {
    private let state = Mutex(false)

    var isSet: Bool { self.state.withLock { $0 } }

    func set() { self.state.withLock { $0 = true } }
}

@Suite("The writer", .timeLimit(.minutes(2)))
struct GroupCommitTests {
    private static let makeTable = SQL("CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY)")
    private static let insert = SQL("INSERT INTO probe (id) VALUES (?)")
    private static let count = SQL("SELECT count(*) FROM probe")

    private static func insert(_ id: Int64, _ transaction: WriteTransaction) throws(StoreError) {
        let statement = try transaction.connection.prepared(Self.insert)
        statement.bind(id, at: 1)
        try statement.run()
    }

    private static func rows(_ store: Store) async throws -> Int64 {
        try await store.read { connection throws(StoreError) in
            let statement = try connection.prepared(Self.count)
            defer { statement.reset() }
            _ = try statement.step()
            return statement.integer(0)
        }
    }

    private func open(
        _ folder: TemporaryFolder, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration()
    ) async throws -> (engine: SQLiteLeaseEngine, store: Store) {
        let engine = SQLiteLeaseEngine(path: folder.store, configuration: configuration)
        let store = try engine.storeForTesting
        try await store.write { transaction throws(StoreError) in try transaction.connection.run(Self.makeTable) }
        return (engine, store)
    }

    /// Waits until so many operations stand behind the gate.
    private func pending(_ store: Store, _ count: Int) async throws {
        try await eventually("\(count) operations wait") { store.queuedOperations == count }
    }

    @Test func `operations that arrive together share one commit`() async throws {
        let folder = try TemporaryFolder()
        let (engine, store) = try await self.open(folder)
        let before = store.statistics
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.write(.readOnly) { _ in gate.pass() } }
            try await eventually("the gate is reached") { gate.isReached }
            for id in 1...100 {
                group.addTask {
                    try await store.write(.singleStatement) { transaction throws(StoreError) in
                        try Self.insert(Int64(id), transaction)
                    }
                }
            }
            try await self.pending(store, 100)
            gate.open()
            try await group.waitForAll()
        }
        let after = store.statistics
        #expect(after.operations - before.operations == 101)
        #expect(after.commits - before.commits == 1)
        #expect(try await Self.rows(store) == 100)
        await engine.close()
    }

    @Test func `an operation that fails harms no other of its batch`() async throws {
        let folder = try TemporaryFolder()
        let (engine, store) = try await self.open(folder)
        let before = store.statistics
        let gate = Gate()
        let results = try await withThrowingTaskGroup(of: (Int, Bool).self) { group in
            group.addTask {
                try await store.write(.readOnly) { _ in gate.pass() }
                return (0, true)
            }
            try await eventually("the gate is reached") { gate.isReached }
            for id in 1...9 {
                group.addTask {
                    do {
                        try await store.write { transaction throws(StoreError) in
                            try Self.insert(Int64(id), transaction)
                            try Self.insert(Int64(100 + id), transaction)
                            if id % 3 == 0 { throw StoreError(.failed, "on purpose") }
                        }
                        return (id, true)
                    } catch let error as StoreError {
                        #expect(error.message == "on purpose")
                        return (id, false)
                    }
                }
            }
            try await self.pending(store, 9)
            gate.open()
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for id in 1...9 { #expect(results[id] == (id % 3 != 0)) }
        #expect(store.statistics.commits - before.commits == 1)
        #expect(try await Self.rows(store) == 12)
        await engine.close()
    }

    @Test func `an answer that changes nothing costs no commit`() async throws {
        let folder = try TemporaryFolder()
        let (engine, store) = try await self.open(folder)
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(60)).lease)
        let before = store.statistics
        for _ in 0..<20 {
            #expect(try await engine.tryAcquire("job", owner: "b", for: .seconds(60)).lease == nil)
            #expect(try await !engine.release("job", owner: "b", token: lease.token))
        }
        #expect(store.statistics.operations - before.operations == 40)
        #expect(store.statistics.commits == before.commits)
        await engine.close()
    }

    @Test func `more operations than the queue holds are refused at once`() async throws {
        let folder = try TemporaryFolder()
        let (engine, store) = try await self.open(folder, configuration: .init(maximumQueuedOperations: 3))
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.write(.readOnly) { _ in gate.pass() } }
            try await eventually("the gate is reached") { gate.isReached }
            for id in 1...3 {
                group.addTask { _ = try await engine.tryAcquire(LeaseName("job-\(id)"), owner: "a", for: .seconds(60)) }
            }
            try await self.pending(store, 3)
            let error = await #expect(throws: LeaseError.self) {
                _ = try await engine.tryAcquire("one-too-many", owner: "a", for: .seconds(60))
            }
            #expect(error?.code == .unavailable)
            #expect(error?.message.contains("3 operations wait") == true)
            gate.open()
            try await group.waitForAll()
        }
        #expect(try await engine.inspect("one-too-many") == nil)
        #expect(try await engine.tryAcquire("one-too-many", owner: "a", for: .seconds(60)).lease != nil)
        await engine.close()
    }

    @Test func `a task that is cancelled before its operation begins leaves nothing`() async throws {
        let folder = try TemporaryFolder()
        let (engine, store) = try await self.open(folder)
        let gate = Gate()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await store.write(.readOnly) { _ in gate.pass() } }
            try await eventually("the gate is reached") { gate.isReached }
            let task = Task { try await engine.tryAcquire("job", owner: "a", for: .seconds(60)) }
            try await self.pending(store, 1)
            task.cancel()
            let error = await #expect(throws: LeaseError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            gate.open()
            try await group.waitForAll()
        }
        #expect(try await engine.inspect("job") == nil)
        await engine.close()
    }

    @Test func `a task that is cancelled from the start does nothing`() async throws {
        let folder = try TemporaryFolder()
        let (engine, _) = try await self.open(folder)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await engine.tryAcquire("job", owner: "a", for: .seconds(60))
        }
        let error = await #expect(throws: LeaseError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(try await engine.inspect("job") == nil)
        await engine.close()
    }

    @Test func `closing finishes what is queued and refuses what comes later`() async throws {
        let folder = try TemporaryFolder()
        let (engine, store) = try await self.open(folder)
        let gate = Gate()
        let blocker = Task { try await store.write(.readOnly) { _ in gate.pass() } }
        try await eventually("the gate is reached") { gate.isReached }
        let queued = Task { try await engine.tryAcquire("job", owner: "a", for: .seconds(60)) }
        try await self.pending(store, 1)
        let closing = Task { await engine.close() }
        try await eventually("the engine is closed") { engine.isClosed }
        let error = await #expect(throws: LeaseError.self) {
            _ = try await engine.tryAcquire("late", owner: "a", for: .seconds(60))
        }
        #expect(error?.code == .closed)
        gate.open()
        try await blocker.value
        #expect(try await queued.value.lease != nil)
        await closing.value
        let again = SQLiteLeaseEngine.sqlite(path: folder.store)
        #expect(try await again.inspect("job")?.owner == "a")
        #expect(try await again.inspect("late") == nil)
        await again.close()
    }

    @Test func `two engines of a process on one file share a writer, and the last one closes it`() async throws {
        let folder = try TemporaryFolder()
        let (engine, store) = try await self.open(folder)
        let other = SQLiteLeaseEngine.sqlite(path: folder.path + "/../" + (folder.path as NSString).lastPathComponent + "/colony.db")
        #expect(try other.storeForTesting === store)
        _ = try await other.tryAcquire("job", owner: "a", for: .seconds(60))
        await engine.close()
        #expect(try await other.inspect("job")?.owner == "a")
        await other.close()
        let third = SQLiteLeaseEngine.sqlite(path: folder.store)
        #expect(try third.storeForTesting !== store)
        #expect(try await third.inspect("job")?.owner == "a")
        await third.close()
    }

    @Test func `the log stays within its limit while readers come and go`() async throws {
        let folder = try TemporaryFolder()
        let limit = 2 << 20
        let (engine, store) = try await self.open(folder, configuration: .init(maximumLogBytes: limit))
        let isOver = Flag()
        let longest = try await withThrowingTaskGroup(of: Int.self) { group in
            // Each holds what it sees for a while, and they overlap, so that there is always one.
            for _ in 0..<2 {
                let reader = SQLiteLeaseEngine(
                    path: folder.store, clock: HostClock(), boot: .current, registry: StoreRegistry())
                let readerStore = try reader.storeForTesting
                group.addTask {
                    while !isOver.isSet {
                        try await readerStore.read { connection throws(StoreError) in
                            let statement = try connection.prepared(Self.count)
                            defer { statement.reset() }
                            _ = try statement.step()
                            let until = HostClock().now.advanced(by: .milliseconds(5))
                            while HostClock().now < until {}
                        }
                    }
                    await reader.close()
                    return 0
                }
            }
            group.addTask {
                var longest = 0
                for round in 0..<60 {
                    try await withThrowingTaskGroup(of: Void.self) { writers in
                        for index in 0..<50 {
                            writers.addTask {
                                let name = try LeaseName("round-\(round)-\(index)-\(String(repeating: "x", count: 200))")
                                _ = try await engine.tryAcquire(name, owner: "a", for: .seconds(60))
                            }
                        }
                        try await writers.waitForAll()
                    }
                    longest = max(longest, fileSize(folder.store + "-wal"))
                }
                isOver.set()
                return longest
            }
            return try await group.reduce(0, max)
        }
        #expect(longest > 0)
        #expect(longest <= limit + (1 << 20), "the log had \(longest) bytes")
        #expect(store.statistics.commits > 60)
        await engine.close()
    }
}

func fileSize(_ path: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? NSNumber)?.intValue ?? 0
}
