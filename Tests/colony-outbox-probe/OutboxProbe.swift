import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonyTransactions
import GRDB

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A process for the tests of outboxes to kill.
///
/// - `produce DATABASE NAME END`: writes the numbers that NAME has not written yet, up to END, each with its message in one transaction; now and then it
///   takes both back.
/// - `relay DATABASE STORE`: brings the messages into the queue `work`. Never ends by itself.
/// - `lose DATABASE STORE`: a relay that dies between publishing its first batch and removing it.
/// - `consume DATABASE STORE`: counts each message once in a database of its own. Never ends by itself.
///
/// The tables and the queue are there already.
@main
struct OutboxProbe {
    private struct TakenBack: Error {}

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 4 else { exit(64) }
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        let path = arguments[2]
        switch arguments[1] {
        case "produce":
            guard arguments.count == 5, let end = Int(arguments[4]) else { exit(64) }
            try await Self.produce(
                SQLiteOutbox(path: path), try DatabaseQueue(path: path, configuration: configuration), arguments[3], end
            )
        case "relay":
            let options = try OutboxRelayOptions(
                lease: .milliseconds(300), pollInterval: .milliseconds(5), batch: 50)
            try await OutboxRelay(
                SQLiteOutbox(path: path), to: SQLiteQueueEngine(path: arguments[3]), options: options
            ).run()
        case "lose":
            try await OutboxRelay(
                LosingOutbox(SQLiteOutbox(path: path)), to: SQLiteQueueEngine(path: arguments[3]),
                options: try OutboxRelayOptions(lease: .milliseconds(300), pollInterval: .milliseconds(5), batch: 50)
            ).run()
        case "consume":
            let engine = SQLiteQueueEngine(path: arguments[3])
            guard let settings = try await engine.inspect("work")?.settings else { exit(66) }
            let database = try DatabaseQueue(path: path, configuration: configuration)
            let inbox: SQLiteInbox = "counter"
            try await MessageQueue("work", on: engine, settings: settings, codec: .bytes).consume(concurrency: 4) {
                message in
                let text = String(decoding: message.payload, as: UTF8.self)
                _ = try await database.write { db in
                    try inbox.once(message.delivery.identity, in: db) {
                        try db.execute(
                            sql: "INSERT INTO effect (key, text) VALUES (?, ?)", arguments: [message.key, text])
                    }
                }
            }
        default: exit(64)
        }
    }

    private static func produce(
        _ outbox: SQLiteOutbox, _ database: DatabaseQueue, _ name: String, _ end: Int
    ) async throws {
        while true {
            let isDone = try await database.write { db -> Bool in
                let last = try Int.fetchOne(db, sql: "SELECT max(number) FROM fact WHERE name = ?", arguments: [name])
                let number = (last ?? -1) + 1
                if number >= end { return true }
                try db.execute(sql: "INSERT INTO fact (name, number) VALUES (?, ?)", arguments: [name, number])
                try outbox.add(OutgoingMessage(Array("\(name)/\(number)".utf8), key: name), to: "work", in: db)
                return false
            }
            if isDone { return }
            // A ghost: its message must never be seen.
            do {
                try await database.write { db in
                    try outbox.add(OutgoingMessage(Array("\(name)/ghost".utf8), key: name), to: "work", in: db)
                    throw TakenBack()
                }
            } catch is TakenBack {
                continue
            }
        }
    }
}

/// An outbox whose process dies when it is told that messages were sent.
private final class LosingOutbox: OutboxStore {
    private let base: SQLiteOutbox

    init(_ base: SQLiteOutbox) {
        self.base = base
    }

    func claim(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> Bool {
        try await self.base.claim(owner, for: lease)
    }

    func queues(limit: Int) async throws(TransactionError) -> [QueueName] { try await self.base.queues(limit: limit) }

    func next(_ limit: Int, for queue: QueueName) async throws(TransactionError) -> [OutboxMessage] {
        try await self.base.next(limit, for: queue)
    }

    func remove(_ messages: [OutboxMessage]) async throws(TransactionError) {
        kill(getpid(), SIGKILL)
    }

    func park(_ message: OutboxMessage, reason: String) async throws(TransactionError) {
        try await self.base.park(message, reason: reason)
    }

    func status() async throws(TransactionError) -> OutboxStatus { try await self.base.status() }

    func waitForChange(since seen: UInt64, upTo limit: Duration) async throws(TransactionError) -> UInt64 {
        try await self.base.waitForChange(since: seen, upTo: limit)
    }
}
