import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonySimulation
import Foundation
import Synchronization
import Testing

/// Runs against files as they are after a power cut or a kill at every place of what was done to them.
@Suite("Queues after a power cut", .timeLimit(.minutes(3)), .serialized)
struct QueuePowerCutTests {
    private static let (work, dead): (QueueName, QueueName) = ("work", "dead")
    private static let integrityCheck = SQL("PRAGMA integrity_check")

    private static func engine(_ folder: TemporaryFolder, boot: String) -> SQLiteQueueEngine {
        var configuration = SQLiteStoreConfiguration()
        // So that the log is copied and started anew several times.
        configuration.maximumLogBytes = 1 << 20
        return SQLiteQueueEngine(
            path: folder.store, configuration: configuration, boot: BootIdentity(boot), registry: StoreRegistry())
    }

    /// What a program was told until some place of a trace.
    private struct Told {
        var confirmed: Set<Int64> = []
        /// The last delivery of each message that a consumer has heard of.
        var attempts: [Int64: Int] = [:]
        var isBeingEnded: Set<Int64> = []
        var acknowledged: Set<Int64> = []
        var given: Set<Int64> = []

        mutating func hear(_ mark: String) {
            let parts = mark.split(separator: " ")
            guard parts.count >= 2, let id = Int64(parts[1]) else { return }
            switch parts[0] {
            case "confirmed": self.confirmed.insert(id)
            case "received": self.attempts[id] = Int(parts[2])
            case "ending": self.isBeingEnded.insert(id)
            case "acknowledged": self.acknowledged.insert(id)
            case "given-up": self.given.insert(id)
            default: break
            }
        }
    }

    /// How many are not done.
    private final class Publishers: Sendable {
        private let state = Mutex(3)
        var count: Int { self.state.withLock { $0 } }
        func end() { self.state.withLock { $0 -= 1 } }
    }

    /// Publishers and consumers in one process, all of whose answers are marked in the trace.
    private func work(_ engine: SQLiteQueueEngine, _ trace: DiskTrace, batches: Int) async throws {
        var settings = QueueSettings()
        settings.deadLetterQueue = Self.dead
        settings.deliveryLimit = 1_000
        try await engine.declare(Self.dead, QueueSettings())
        try await engine.declare(Self.work, settings)
        let publishersAtWork = Publishers()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for publisher in 0..<3 {
                group.addTask {
                    for batch in 0..<batches {
                        let messages = (0...batch % 4).map { number in
                            OutgoingMessage(
                                [UInt8](repeating: UInt8(number), count: 100 + (batch * 997 + number * 331) % 3_000),
                                key: number == 0 ? "key-\(publisher)" : nil)
                        }
                        for case .stored(let id) in try await engine.publish(messages, to: Self.work) {
                            trace.mark("confirmed \(id)")
                        }
                    }
                    publishersAtWork.end()
                }
            }
            for consumer in 0..<2 {
                group.addTask {
                    while publishersAtWork.count > 0 {
                        let deliveries = try await engine.receive(
                            3 + consumer * 9, from: Self.work, lease: .seconds(600))
                        for delivery in deliveries { trace.mark("received \(delivery.id) \(delivery.attempt)") }
                        let settlements = deliveries.map { delivery in
                            switch delivery.id.rawValue % 7 {
                            case 0: Settlement(delivery.receipt, .deadLetter(reason: "broken"))
                            case 1 where delivery.attempt == 1:
                                Settlement(delivery.receipt, .retry(after: .zero, reason: "again"))
                            case 2: Settlement(delivery.receipt, .extend(.seconds(600)))
                            default: Settlement(delivery.receipt, .acknowledge)
                            }
                        }
                        for settlement in settlements where settlement.kind == .acknowledge {
                            trace.mark("ending \(settlement.receipt.message)")
                        }
                        let outcomes = try await engine.settle(settlements, in: Self.work)
                        for (settlement, outcome) in zip(settlements, outcomes) where outcome == .settled {
                            switch settlement.kind {
                            case .acknowledge: trace.mark("acknowledged \(settlement.receipt.message)")
                            case .deadLetter: trace.mark("given-up \(settlement.receipt.message)")
                            default: break
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// What is wrong with a store that was left by a crash, in the light of what was told before.
    private func defects(_ files: DiskFiles, _ told: Told) async throws -> [String] {
        let folder = try TemporaryFolder(inMemory: true)
        try files.store(in: folder)
        let engine = Self.engine(folder, boot: "boot-2")
        var defects: [String] = []
        do {
            let check = try await engine.storeForTesting.read { connection throws(StoreError) -> String in
                let statement = try connection.prepared(Self.integrityCheck)
                defer { statement.reset() }
                return try statement.step() ? statement.text(0) : "no answer"
            }
            if check != "ok" { defects.append("the check of the file says \(check)") }
            var places: [QueueName: Set<Int64>] = [:]
            for queue in [Self.work, Self.dead] {
                guard let record = try await engine.inspect(queue) else {
                    if !told.confirmed.isEmpty { defects.append("the queue \(queue) is gone") }
                    continue
                }
                var ids: [Int64] = []
                while true {
                    let page = try await engine.messages(of: queue, after: ids.last.map(MessageID.init), limit: 1_000)
                    if page.isEmpty { break }
                    ids += page.map(\.id.rawValue)
                }
                places[queue] = Set(ids)
                if record.statistics.count != ids.count {
                    defects.append("\(queue) counts \(record.statistics), and has \(ids.count)")
                }
            }
            let (work, dead) = (places[Self.work] ?? [], places[Self.dead] ?? [])
            let missing = told.confirmed.subtracting(told.isBeingEnded).subtracting(work).subtracting(dead)
            if !missing.isEmpty { defects.append("confirmed and missing: \(missing.sorted().prefix(5))") }
            let back = told.acknowledged.intersection(work.union(dead))
            if !back.isEmpty { defects.append("acknowledged and back: \(back.sorted().prefix(5))") }
            let twice = work.intersection(dead)
            if !twice.isEmpty { defects.append("in both queues: \(twice.sorted().prefix(5))") }
            let unmoved = told.given.subtracting(dead)
            if !unmoved.isEmpty { defects.append("given up and not moved: \(unmoved.sorted().prefix(5))") }
            if !work.isEmpty {
                for delivery in try await engine.receive(1_000, from: Self.work, lease: .seconds(60)) {
                    if let before = told.attempts[delivery.id.rawValue], delivery.attempt <= before {
                        defects.append("\(delivery.id) is delivered as \(delivery.attempt) after \(before)")
                    }
                }
                _ = try await engine.publish([OutgoingMessage([1])], to: Self.work)
            }
        } catch {
            defects.append("\(error)")
        }
        await engine.close()
        return defects
    }

    @Test(
        "confirmMeansDurable: over 200 power cuts, torn and reordered, nothing confirmed is missing and nothing done is back"
    )
    func confirmMeansDurable() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        let folder = try TemporaryFolder()
        let trace = try TracedDisk.trace(folder)
        let engine = Self.engine(folder, boot: "boot-1")
        try await self.work(engine, trace, batches: 60)
        await engine.close()
        TracedDisk.forget(trace)

        let events = trace.events
        let first = events.firstIndex { if case .mark = $0 { true } else { false } } ?? 0
        let syncs = events.indices.filter { if case .sync = events[$0] { $0 > first } else { false } }
        // Just before and just after syncs, and anywhere.
        var cuts: Set<Int> = []
        for _ in 0..<70 {
            if let sync = syncs.randomElement(using: &random) { cuts.formUnion([sync, sync + 1]) }
            cuts.insert(Int.random(in: first..<events.count, using: &random))
            cuts.insert(Int.random(in: first..<events.count, using: &random))
        }
        #expect(cuts.count > 200)
        var replay = DiskReplay(seed: Seed(rawValue: seed))
        var told = Told()
        var checkpoints = 0
        for (index, event) in events.enumerated() {
            if cuts.contains(index) {
                let share = [0, 1, Double.random(in: 0..<1, using: &random)].randomElement(using: &random) ?? 0
                let defects = try await self.defects(replay.afterPowerCut(keeping: share), told)
                #expect(defects == [], "seed \(seed), event \(index) of \(events.count), \(share) of the rest kept")
                if !defects.isEmpty { return }
            }
            replay.follow(event)
            if case .mark(let mark) = event { told.hear(mark) }
            if case .sync("colony.db") = event { checkpoints += 1 }
        }
        #expect(checkpoints > 1, "the log was never copied, so that half of what can go wrong was not tried")
        #expect(told.confirmed.count > 300 && told.acknowledged.count > 100 && told.given.count > 20)
        print(
            "power cuts: \(cuts.count) of \(events.count) events, \(syncs.count) syncs, \(checkpoints) of the database, "
                + "\(told.confirmed.count) confirmed, \(told.acknowledged.count) acknowledged, \(told.given.count) moved"
        )
    }

    @Test(
        "deadLetterMoveIsAtomic: a kill or a power cut at every step of the move leaves the message in exactly one queue"
    )
    func deadLetterMoveIsAtomic() async throws {
        let folder = try TemporaryFolder()
        let trace = try TracedDisk.trace(folder)
        let engine = Self.engine(folder, boot: "boot-1")
        var settings = QueueSettings()
        settings.deadLetterQueue = Self.dead
        try await engine.declare(Self.dead, QueueSettings())
        try await engine.declare(Self.work, settings)
        let body = [UInt8](repeating: 1, count: 20_000)
        guard case .stored(let id) = try await engine.publish([OutgoingMessage(body)], to: Self.work)[0] else {
            Issue.record("it was not stored")
            return
        }
        let deliveries = try await engine.receive(1, from: Self.work, lease: .seconds(60))
        let start = trace.events.count
        let outcomes = try await engine.settle(
            [Settlement(try #require(deliveries.first).receipt, .deadLetter(reason: "broken"))], in: Self.work)
        #expect(outcomes == [.settled])
        let end = trace.events.count
        await engine.close()
        TracedDisk.forget(trace)

        #expect(end - start >= 3)
        var replay = DiskReplay(seed: 1)
        var told = Told()
        told.confirmed = [id.rawValue]
        for (index, event) in trace.events.enumerated() {
            if (start...end).contains(index) {
                if index == end { told.given = [id.rawValue] }
                var states = [replay.written]
                for share in [0, 0.2, 0.5, 0.8, 1] { states.append(replay.afterPowerCut(keeping: share)) }
                for (number, files) in states.enumerated() {
                    let defects = try await self.defects(files, told)
                    #expect(defects == [], "step \(index - start) of \(end - start), state \(number)")
                }
            }
            replay.follow(event)
        }
    }

    @Test(
        "a write or a sync that fails, whichever it is, is told as what it is, and harms nothing that was confirmed",
        arguments: [DiskTrace.Fault.write, .sync, .full])
    func failingDisk(_ fault: DiskTrace.Fault) async throws {
        var failures: [QueueError.Code: Int] = [:]
        for number in 0..<32 {
            let folder = try TemporaryFolder(inMemory: true)
            let trace = try TracedDisk.trace(folder)
            let engine = Self.engine(folder, boot: "boot-1")
            try await engine.declare(Self.dead, QueueSettings())
            try await engine.declare(Self.work, QueueSettings())
            var told = Told()
            var unknown: Set<Int> = []
            // One that fails once, or a disk that stays bad for a while; of a batch there are some ten writes and a sync.
            let first = fault == .sync ? number / 4 : number
            trace.fail(fault, first..<first + (number % 2 == 0 ? 1 : 8))
            for batch in 0..<14 {
                if batch == 10 { trace.fail(nil) }
                let messages = (0..<20).map { _ in
                    OutgoingMessage([UInt8(batch)] + [UInt8](repeating: 0, count: 1_500))
                }
                do throws(QueueError) {
                    for case .stored(let id) in try await engine.publish(messages, to: Self.work) {
                        trace.mark("confirmed \(id)")
                        told.confirmed.insert(id.rawValue)
                    }
                } catch {
                    #expect([.storageFailed, .unavailable].contains(error.code), "\(error)")
                    #expect(error.message.contains(folder.path), "\(error)")
                    if fault == .full { #expect(error.message.contains("full"), "\(error)") }
                    failures[error.code, default: 0] += 1
                    // What the store says it has not done must not be there.
                    if error.code == .unavailable { unknown.insert(batch) }
                    #expect(batch < 10, "it does not go on when the disk is sound: \(error)")
                }
            }
            // Whole batches only: those that were confirmed, and of the unknown ones some.
            let found = try await engine.messages(of: Self.work, after: nil, limit: 1_000)
            let batches = Dictionary(grouping: found, by: { Int($0.message.body[0]) })
            #expect(batches.values.allSatisfy { $0.count == 20 }, "fault \(number)")
            #expect(told.confirmed.isSubset(of: found.map(\.id.rawValue)), "fault \(number)")
            let unexpected = batches.filter { batch, messages in
                !unknown.contains(batch) && !told.confirmed.contains(messages[0].id.rawValue)
            }
            #expect(unexpected.isEmpty, "fault \(number): \(unexpected.keys) failed and are there")
            await engine.close()
            TracedDisk.forget(trace)
            // And then the power fails, too.
            var replay = DiskReplay(seed: Seed(rawValue: UInt64(number)))
            let events = trace.events
            var heard = Told()
            for (index, event) in events.enumerated() {
                if index == events.count - 1 || (index > events.count / 2 && index % 211 == 0) {
                    let defects = try await self.defects(replay.afterPowerCut(keeping: 0.5), heard)
                    #expect(defects == [], "fault \(number), cut at \(index) of \(events.count)")
                }
                replay.follow(event)
                if case .mark(let mark) = event { heard.hear(mark) }
            }
        }
        #expect(!failures.isEmpty, "nothing has failed")
        print("failing disk (\(fault)): \(failures)")
    }
}
