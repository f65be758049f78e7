import ColonyCore
import ColonyMemory
import ColonyQueues
import ColonySQLite
import ColonySimulation
import ColonyTransactions
import Foundation
import GRDB
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(3))) struct `A message in the outbox of an SQLite database` {
    @Test func `is sent if its transaction is committed, and leaves nothing if not`() async throws {
        let bench = try await OutboxBench()
        try await bench.relaying(to: bench.memory) { relay in
            let outbox = bench.outbox
            await #expect(throws: OutboxBench.Rollback.self) {
                try await bench.database.write { db in
                    try outbox.add(OutgoingMessage(Array("ghost".utf8)), to: "work", in: db)
                    throw OutboxBench.Rollback()
                }
            }
            try await bench.add(["a", "b"])
            try await bench.drained()
            try await eventually("the relay has counted them") { relay.statistics.sent == 2 }
        }
        #expect(try await OutboxBench.texts(in: "work", of: bench.memory) == ["a", "b"])
        let state = try await bench.database.read {
            try String.fetchOne($0, sql: "SELECT messages || ' ' || coalesce(owner, 'nobody') FROM colony_outbox_state")
        }
        #expect(state == "0 nobody", "the relay has not given its lease back")
    }

    @Test func `takes a typed message as the consumers of its queue read it`() async throws {
        struct Order: Codable, Hashable { var number: Int }
        let bench = try await OutboxBench()
        let orders = MessageQueue<Order>("work", on: bench.memory)
        let outbox = bench.outbox
        try await bench.database.write { db in
            try outbox.add(Order(number: 7), to: orders, key: "ada", priority: 9, headers: ["colour": "red"], in: db)
            let defect = #expect(throws: QueueError.self) {
                try outbox.add(Order(number: 8), to: orders, priority: 10, in: db)
            }
            #expect(defect?.message.contains("10") == true)
        }
        try await bench.relaying(to: bench.memory) { _ in try await bench.drained() }
        let received = Mutex<[ReceivedMessage<Order>]>([])
        var settings = ConsumerSettings()
        settings.messageLimit = 1
        try await orders.consume(concurrency: 1, settings: settings) { message in
            received.withLock { $0.append(message) }
        }
        let message = try #require(received.withLock { $0.first })
        #expect(message.payload == Order(number: 7) && message.key == "ada")
        #expect(message.delivery.priority == 9 && message.delivery.headers["colour"] == "red")
    }

    /// Connections that write by turns, with transactions that stay open while others are sent.
    @Test func outboxSkipsNothing() async throws {
        let bench = try await OutboxBench()
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        let writers = try (0..<4).map { _ in
            try DatabaseQueue(path: bench.folder.path(of: "shop.db"), configuration: configuration)
        }
        let outbox = bench.outbox
        try await bench.relaying(to: bench.memory) { _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (writer, database) in writers.enumerated() {
                    group.addTask {
                        for number in 0..<100 {
                            do {
                                try await database.write { db in
                                    for part in 0...(number % 3) {
                                        let text = "\(writer)/\(number)/\(part)"
                                        try outbox.add(
                                            OutgoingMessage(Array(text.utf8), key: "\(writer)"), to: "work", in: db)
                                    }
                                    if number % 7 == 0 { throw OutboxBench.Rollback() }
                                }
                            } catch is OutboxBench.Rollback {
                                continue
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await bench.drained()
        }
        let found = try await Self.allByKey(in: bench.memory)
        let expected = (0..<100).filter { $0 % 7 != 0 }.flatMap { number in
            (0...(number % 3)).map { "\(number)/\($0)" }
        }
        for writer in 0..<4 { #expect(found["\(writer)"] == expected.map { "\(writer)/\($0)" }) }
    }

    /// The order of delivery by key, of a queue in which one message of a key is delivered at a time.
    private static func allByKey(in engine: any QueueEngine) async throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        while true {
            let deliveries = try await engine.receive(1_000, from: "work", lease: .seconds(60))
            if deliveries.isEmpty { return found }
            for delivery in deliveries {
                found[delivery.key ?? "", default: []].append(String(decoding: delivery.body, as: UTF8.self))
            }
            _ = try await engine.settle(deliveries.map { Settlement($0.receipt, .acknowledge) }, in: "work")
        }
    }

    @Test func `is in its queue once although every third answer is lost`() async throws {
        let bench = try await OutboxBench()
        let faulty = FaultyQueueEngine(bench.memory, clock: HostClock()) { call, _ in
            call.member == .publish && call.number % 3 != 0 ? .errorAfter : nil
        }
        for number in 0..<40 { try await bench.add(["\(number)"], key: "k") }
        let options = try OutboxRelayOptions(
            pollInterval: .milliseconds(1), batch: 7,
            backoff: Backoff(initial: .milliseconds(1), maximum: .milliseconds(5)))
        let statistics = try await bench.relaying(to: faulty, options) { relay in
            try await bench.drained()
            try await eventually("all are counted") { relay.statistics.sent == 40 }
            return relay.statistics
        }
        #expect(statistics.duplicates > 0 && statistics.held > 0, "no answer was lost: \(statistics)")
        #expect(try await OutboxBench.texts(in: "work", of: bench.memory) == (0..<40).map(String.init))
    }

    @Test func `is not published before its predecessor was, whatever fails`() async throws {
        let bench = try await OutboxBench()
        for number in 0..<60 { try await bench.add(["\(number)"], key: "k") }
        let faulty = FaultyQueueEngine(bench.memory, clock: HostClock(), seed: 7) { call, generator in
            guard call.member == .publish else { return nil }
            switch Int.random(in: 0..<3, using: &generator) {
            case 0: return .errorBefore
            case 1: return .errorAfter
            default: return nil
            }
        }
        let options = try OutboxRelayOptions(
            pollInterval: .milliseconds(1), batch: 4,
            backoff: Backoff(initial: .milliseconds(1), maximum: .milliseconds(5)))
        try await bench.relaying(to: faulty, options) { _ in try await bench.drained() }
        #expect(try await OutboxBench.texts(in: "work", of: bench.memory) == (0..<60).map(String.init))
    }

    @Test func `waits in its order while its queue is full or unknown, and holds up no other queue`() async throws {
        let bench = try await OutboxBench()
        var settings = QueueSettings()
        (settings.capacity, settings.overflow) = (2, .reject)
        try await bench.memory.declare("small", settings)
        try await bench.add(["1", "2", "3", "4"], key: "k", to: "small")
        try await bench.add(["x", "y"], key: "k", to: "later")
        try await bench.add(["free"])
        try await bench.relaying(to: bench.memory) { relay in
            try await eventually("the others are sent") { relay.statistics.sent == 3 && relay.statistics.held > 2 }
            #expect(try await bench.outbox.queues(limit: 10) == ["later", "small"])
            #expect(try await OutboxBench.texts(in: "work", of: bench.memory) == ["free"])
            #expect(relay.statistics.isActive)
            try await bench.memory.declare("later", QueueSettings())
            var texts: [String] = []
            try await eventually("all four have come") {
                texts += try await OutboxBench.texts(in: "small", of: bench.memory)
                return texts.count == 4
            }
            #expect(texts == ["1", "2", "3", "4"])
            try await bench.drained()
            #expect(try await OutboxBench.texts(in: "later", of: bench.memory) == ["x", "y"])
        }
    }

    @Test func `is refused when the outbox is full, and the table holds no more than waits`() async throws {
        let bench = try await OutboxBench(capacity: 10)
        let outbox = bench.outbox
        try await bench.add((0..<10).map(String.init))
        try await bench.database.write { db in
            let full = #expect(throws: TransactionError.self) {
                try outbox.add(OutgoingMessage([1]), to: "work", in: db)
            }
            #expect(full?.code == .overloaded && full?.message.contains("10") == true)
            // The transaction goes on.
            try db.execute(sql: "INSERT INTO fact (text) VALUES ('kept')")
        }
        #expect(try await bench.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM fact") } == 1)
        try await bench.relaying(to: bench.memory) { _ in
            try await bench.drained()
            let pages = try await bench.database.read { try Int.fetchOne($0, sql: "PRAGMA page_count") ?? 0 }
            for round in 0..<40 {
                try await bench.add((0..<10).map { "\(round)/\($0)" })
                try await bench.drained()
            }
            let now = try await bench.database.read { try Int.fetchOne($0, sql: "PRAGMA page_count") ?? 0 }
            #expect(now <= pages + 4, "the file grew from \(pages) to \(now) pages")
        }
        #expect(try await OutboxBench.texts(in: "work", of: bench.memory).count == 410)
    }

    @Test func `is refused where no queue would take it, and in another database`() async throws {
        let bench = try await OutboxBench()
        let outbox = bench.outbox
        try await bench.database.write { db in
            let priority = #expect(throws: TransactionError.self) {
                try outbox.add(OutgoingMessage([], priority: 10), to: "work", in: db)
            }
            #expect(priority?.code == .invalidRequest && priority?.message.contains("10") == true)
            let large = #expect(throws: TransactionError.self) {
                try outbox.add(
                    OutgoingMessage(Array(repeating: 0, count: MessageLimits.bodyBytes + 1)), to: "work", in: db)
            }
            #expect(large?.code == .tooLarge)
            let crowded = Dictionary(uniqueKeysWithValues: (0..<MessageLimits.headers).map { ("h\($0)", "v") })
            let headers = #expect(throws: TransactionError.self) {
                try outbox.add(OutgoingMessage([], headers: crowded), to: "work", in: db)
            }
            #expect(headers?.code == .tooLarge, "there is no room for the header that carries the identity")
        }
        let elsewhere = try DatabaseQueue(path: bench.folder.path(of: "other.db"))
        let error = try await elsewhere.write { db in
            #expect(throws: TransactionError.self) { try outbox.add(OutgoingMessage([1]), to: "work", in: db) }
        }
        #expect(error?.code == .invalidRequest && error?.message.contains("other.db") == true)
    }

    @Test func `keeps everything that it was added with, and its delay counts from then`() async throws {
        let bench = try await OutboxBench()
        let wall = ManualWallClock(now: WallTime(millisecondsSince1970: 1_000_000))
        let outbox = SQLiteOutbox(
            path: bench.folder.path(of: "shop.db"), clock: HostClock(), wall: wall, boot: .current)
        let plain = OutgoingMessage(
            [0, 255], key: "kéy", priority: 9, deduplicationID: "mine", headers: ["a": "1:\n", "b": ""])
        let late = OutgoingMessage([], availability: .after(.seconds(10)))
        let dated = OutgoingMessage([1], availability: .at(WallTime(millisecondsSince1970: 77)))
        try await bench.database.write { db in
            for message in [plain, late, dated] { try outbox.add(message, to: "work", in: db) }
        }
        let found = try await outbox.next(10, for: "work")
        #expect(found.map(\.content) == [plain, late, dated])
        #expect(found.map(\.addedAt.millisecondsSince1970) == [1_000_000, 1_000_000, 1_000_000])
        #expect(Set(found.map(\.identity)).count == 3 && found[0].identity.count == 32)
        #expect(found[0].number < found[1].number && found[1].number < found[2].number)
        let sent = found.map { $0.outgoing(at: WallTime(millisecondsSince1970: 1_004_000)) }
        #expect(sent[0].deduplicationID == "mine" && sent[0].headers["colony-message"] == found[0].identity)
        #expect(sent[1].deduplicationID == found[1].identity)
        #expect(sent[1].availability == .after(.seconds(6)))
        // A clock that was set back, or far ahead, neither lengthens a delay nor makes it negative.
        #expect(found[1].outgoing(at: WallTime(millisecondsSince1970: 0)).availability == .after(.seconds(10)))
        #expect(found[1].outgoing(at: WallTime(millisecondsSince1970: .max)).availability == .after(.zero))
        #expect(sent[2].availability == dated.availability)
        await outbox.close()
    }
}
