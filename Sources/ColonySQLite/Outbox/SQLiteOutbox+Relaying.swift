public import ColonyCore
public import ColonyQueues
public import ColonyTransactions
import Foundation
import GRDB

extension SQLiteOutbox {
    /// Gives the right to relay, on the clock of the host. It ends with the host's run.
    public func claim(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> Bool {
        if lease != .zero, let defect = Self.defect(of: lease) { throw TransactionError(.invalidRequest, defect) }
        let (clock, boot) = (self.clock, self.boot.text)
        return try await self.desk.write { database in
            if lease == .zero {
                try database.cachedStatement(
                    sql: "UPDATE colony_outbox_state SET owner = NULL WHERE id = 1 AND owner = ?"
                ).execute(arguments: [owner.rawValue])
                return false
            }
            let now = clock.now
            try database.cachedStatement(
                sql: """
                    UPDATE colony_outbox_state SET owner = ?1, boot = ?2, expires_at = ?3
                    WHERE id = 1 AND (owner IS NULL OR owner = ?1 OR boot <> ?2 OR expires_at <= ?4)
                    """
            ).execute(arguments: [owner.rawValue, boot, now.advanced(by: lease).nanoseconds, now.nanoseconds])
            return database.changesCount > 0
        }
    }

    private static func defect(of lease: Duration) -> String? {
        SettingRange.defect(of: lease, in: TransactionLimits.lease, as: "the lease of a relay")
    }

    /// Queues for which messages wait, each found by one step in the index.
    public func queues(limit: Int) async throws(TransactionError) -> [QueueName] {
        try await self.desk.read { database in
            let statement = try database.cachedStatement(sql: OutboxTables.lanes)
            // A name that cannot be one was written past the outbox, and nothing can be sent there.
            return try String.fetchAll(statement, arguments: [max(0, limit)]).compactMap { try? QueueName($0) }
        }
    }

    /// The messages for a queue that come first, in the order of their numbers.
    public func next(_ limit: Int, for queue: QueueName) async throws(TransactionError) -> [OutboxMessage] {
        try await self.desk.read { database in
            let statement = try database.cachedStatement(
                sql: """
                    SELECT \(OutboxTables.columns) FROM colony_outbox
                    WHERE parked IS NULL AND queue = ? ORDER BY number LIMIT ?
                    """)
            let rows = try Row.fetchCursor(statement, arguments: [queue.rawValue, max(0, limit)])
            var messages: [OutboxMessage] = []
            var bytes = 0
            while let row = try rows.next() {
                let message = try Self.message(in: row)
                bytes += message.content.body.count
                if bytes > OutboxLimits.bytesAtOnce, !messages.isEmpty { break }
                messages.append(message)
            }
            return messages
        }
    }

    static func message(in row: Row) throws -> OutboxMessage {
        let number: Int64 = row[0]
        guard let headers = HeaderText.headers(of: row[9]) else {
            throw TransactionError(.storageFailed, "the message \(number) of the outbox has headers that are none")
        }
        var availability = OutgoingMessage.Availability.now
        if let delay: Int64 = row[6] { availability = .after(.milliseconds(delay)) }
        if let time: Int64 = row[7] { availability = .at(WallTime(millisecondsSince1970: time)) }
        let body: Data = row[3]
        return OutboxMessage(
            number: number, identity: row[1], queue: try QueueName(row[2]),
            content: OutgoingMessage(
                Array(body), key: row[4], priority: row[5], availability: availability, deduplicationID: row[8],
                headers: headers),
            addedAt: WallTime(millisecondsSince1970: row[10]))
    }

    /// Removes messages that were sent, in one transaction.
    public func remove(_ messages: [OutboxMessage]) async throws(TransactionError) {
        try await self.desk.write { database in
            let statement = try database.cachedStatement(sql: "DELETE FROM colony_outbox WHERE number = ?")
            for message in messages { try statement.execute(arguments: [message.number]) }
        }
    }

    /// Sets a message aside.
    public func park(_ message: OutboxMessage, reason: String) async throws(TransactionError) {
        try await self.desk.write { database in
            try database.execute(
                sql: "UPDATE colony_outbox SET parked = ? WHERE number = ?", arguments: [reason, message.number])
        }
    }

    /// How much waits, and for how long; nothing is counted but what is parked.
    public func status() async throws(TransactionError) -> OutboxStatus {
        try await self.desk.read { database in
            let messages = try Int.fetchOne(database, sql: "SELECT messages FROM colony_outbox_state WHERE id = 1") ?? 0
            let parked =
                try Int.fetchOne(
                    database,
                    sql: "SELECT count(*) FROM (SELECT 1 FROM colony_outbox WHERE parked IS NOT NULL LIMIT ?)",
                    arguments: [OutboxStatus.countLimit]) ?? 0
            let oldest = try Int64.fetchOne(
                database, sql: "SELECT added_ms FROM colony_outbox WHERE parked IS NULL ORDER BY number LIMIT 1")
            return OutboxStatus(
                waiting: messages - parked, parked: parked,
                oldest: oldest.map { WallTime(millisecondsSince1970: $0) })
        }
    }

    /// Waits for commits of this process through ``add(_:to:in:)``; those of others are found when the relay looks again.
    public func waitForChange(since seen: UInt64, upTo limit: Duration) async throws(TransactionError) -> UInt64 {
        do {
            return try await self.news.wait(
                since: seen, until: self.clock.now.advanced(by: limit), on: self.clock)
        } catch {
            throw TransactionError(
                .cancelled, "the wait for the outbox in \"\(self.path)\" was cancelled", cause: error)
        }
    }
}

extension SQLiteOutbox: OutboxAdministration {
    /// Messages that are parked, in the order of their numbers.
    public func parked(after number: Int64, limit: Int) async throws(TransactionError) -> [ParkedMessage] {
        if let defect = SettingRange.defect(of: limit, in: 1...1_000, as: "the length of a page") {
            throw TransactionError(.invalidRequest, defect)
        }
        return try await self.desk.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT \(OutboxTables.columns), parked FROM colony_outbox
                    WHERE parked IS NOT NULL AND number > ? ORDER BY number LIMIT ?
                    """, arguments: [number, limit]
            ).map { row in ParkedMessage(message: try Self.message(in: row), reason: row[11]) }
        }
    }

    /// Has a parked message tried again, in its old place.
    public func release(_ number: Int64) async throws(TransactionError) -> Bool {
        try await self.desk.write { database in
            try database.execute(
                sql: "UPDATE colony_outbox SET parked = NULL WHERE number = ? AND parked IS NOT NULL",
                arguments: [number])
            return database.changesCount > 0
        }
    }

    /// Throws a parked message away.
    public func drop(_ number: Int64) async throws(TransactionError) -> Bool {
        try await self.desk.write { database in
            try database.execute(
                sql: "DELETE FROM colony_outbox WHERE number = ? AND parked IS NOT NULL", arguments: [number])
            return database.changesCount > 0
        }
    }
}
