import ColonyCore
import ColonyQueues

/// The row of one queue during a batch: its settings, its counts, and when something becomes due by itself.
final class QueueLedger {
    let number: Int64
    let name: QueueName
    let settings: QueueSettings
    var counts: QueueStatistics { didSet { self.isChanged = true } }
    var totals: QueueTotals { didSet { self.isChanged = true } }
    var isPaused: Bool { didSet { self.isChanged = true } }
    /// How often something happened that others may wait for.
    private(set) var changes: Int64
    /// Nothing becomes due before this instant, nor before this civil time, by what is in the file and in this batch. The beginning
    /// of time before the first look.
    var nextInstant = Int64.min
    var nextAppointment = Int64.min
    private var isChanged = false
    private(set) var hasNews = false
    /// Whether it is time to look whether there are too many deadlines.
    private var mustTidy = false
    /// After how many changes that is, unless there are more leases than that.
    static let tidyPeriod = 1_024

    init(
        number: Int64, name: QueueName, settings: QueueSettings, counts: QueueStatistics, totals: QueueTotals,
        isPaused: Bool, changes: Int64
    ) {
        self.number = number
        self.name = name
        self.settings = settings
        self.counts = counts
        self.totals = totals
        self.isPaused = isPaused
        self.changes = changes
    }

    /// Where a message of this queue lies.
    func place(_ id: Int64) -> Int64 { self.number << QueueSchema.messageBits | id }

    /// The first place behind that of a message, whatever number somebody has made up for it.
    func place(after id: Int64) -> Int64 { self.place(min(max(0, id), 1 << QueueSchema.messageBits - 1)) + 1 }

    static func message(at place: Int64) -> Int64 { place & (1 << QueueSchema.messageBits - 1) }

    /// Counts a change that others may wait for.
    func announce() {
        self.changes += 1
        self.isChanged = true
        self.hasNews = true
        // A power of two, so that a number of leases that changes does not make it miss its turn.
        let period = Int64(1) << (63 - Int64(max(Self.tidyPeriod, self.counts.leased)).leadingZeroBitCount)
        if self.changes % period == 0 { self.mustTidy = true }
    }

    fileprivate func write(on connection: Connection) throws(StoreError) {
        guard self.isChanged else { return }
        if self.mustTidy { try OpenQueue.tidyDeadlines(of: self, on: connection) }
        self.mustTidy = false
        let statement = try connection.prepared(QueueLedgers.update)
        statement.bind(Int64(self.counts.ready), at: 1)
        statement.bind(Int64(self.counts.waiting), at: 2)
        statement.bind(Int64(self.counts.delayed), at: 3)
        statement.bind(Int64(self.counts.leased), at: 4)
        statement.bind(Int64(self.counts.dead), at: 5)
        statement.bind(Int64(self.counts.bytes), at: 6)
        statement.bind(self.changes, at: 7)
        statement.bind(self.isPaused ? 1 : 0, at: 8)
        statement.bind(Int64(self.totals.published), at: 9)
        statement.bind(Int64(self.totals.delivered), at: 10)
        statement.bind(Int64(self.totals.acknowledged), at: 11)
        statement.bind(Int64(self.totals.dropped), at: 12)
        statement.bind(Int64(self.totals.leasesLost), at: 13)
        statement.bind(Int64(self.totals.undelayed), at: 14)
        statement.bind(self.totals.lateness.clampedNanoseconds, at: 15)
        statement.bind(self.number, at: 16)
        try statement.run()
        self.isChanged = false
    }
}

/// The rows of the queues that a batch has to do with, each read once and written once.
final class QueueLedgers: BatchNotes {
    private var ledgers: [QueueName: QueueLedger] = [:]
    private let news: QueueNews?

    init(news: QueueNews?) {
        self.news = news
    }

    /// - Returns: `nil` if there is no such queue.
    func ledger(of name: QueueName, on connection: Connection) throws(StoreError) -> QueueLedger? {
        if let ledger = self.ledgers[name] { return ledger }
        guard let ledger = try Self.read(name, on: connection) else { return nil }
        self.ledgers[name] = ledger
        return ledger
    }

    /// A queue is gone, or not the same any more.
    func forget(_ name: QueueName) { self.ledgers[name] = nil }

    func write(in transaction: WriteTransaction) throws(StoreError) {
        for ledger in self.ledgers.values { try ledger.write(on: transaction.connection) }
        let changed = self.ledgers.values.filter(\.hasNews)
        if changed.isEmpty { return }
        transaction.ring()
        if let news {
            let names = changed.map(\.name)
            transaction.afterCommit { news.announce(names) }
        }
    }

    // MARK: Rows

    fileprivate static let update = SQL(
        """
        UPDATE queue SET ready = ?, waiting = ?, delayed = ?, leased = ?, dead = ?, bytes = ?, changes = ?, is_paused = ?,
            published = ?, delivered = ?, acknowledged = ?, dropped = ?, leases_lost = ?, undelayed = ?, lateness = ?
        WHERE number = ?
        """)
    private static let select = SQL(
        """
        SELECT number, name, capacity, capacity_bytes, overflow, ordering, delivery_limit, lease, backoff_initial,
            backoff_maximum, backoff_multiplier, retention, deduplication_window, dead_letter_queue,
            ready, waiting, delayed, leased, dead, bytes, changes, is_paused,
            published, delivered, acknowledged, dropped, leases_lost, undelayed, lateness
        FROM queue WHERE name = ?
        """)
    private static let page = SQL(
        """
        SELECT number, name, capacity, capacity_bytes, overflow, ordering, delivery_limit, lease, backoff_initial,
            backoff_maximum, backoff_multiplier, retention, deduplication_window, dead_letter_queue,
            ready, waiting, delayed, leased, dead, bytes, changes, is_paused,
            published, delivered, acknowledged, dropped, leases_lost, undelayed, lateness
        FROM queue WHERE name > ? ORDER BY name LIMIT ?
        """)
    private static let insert = SQL(
        """
        INSERT INTO queue (number, name, capacity, capacity_bytes, overflow, ordering, delivery_limit, lease,
            backoff_initial, backoff_maximum, backoff_multiplier, retention, deduplication_window, dead_letter_queue)
        VALUES ((SELECT coalesce(max(number), 0) + 1 FROM queue), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    private static let delete = SQL("DELETE FROM queue WHERE number = ?")
    private static let deleteDeadlines = SQL("DELETE FROM queue_deadline WHERE queue = ?")
    private static let deleteDeduplications = SQL("DELETE FROM queue_deduplication WHERE queue = ?")
    private static let deleteShares = SQL("DELETE FROM queue_share WHERE queue = ?")
    private static let lastNumber = SQL("SELECT coalesce(max(number), 0) FROM queue")

    static func read(_ name: QueueName, on connection: Connection) throws(StoreError) -> QueueLedger? {
        let statement = try connection.prepared(Self.select)
        defer { statement.reset() }
        statement.bind(name.rawValue, at: 1)
        return try statement.step() ? try Self.ledger(statement, connection) : nil
    }

    /// A page of queues in the order of their names.
    static func page(after name: QueueName?, limit: Int, on connection: Connection) throws(StoreError) -> [QueueLedger]
    {
        let statement = try connection.prepared(Self.page)
        defer { statement.reset() }
        statement.bind(name?.rawValue ?? "", at: 1)
        statement.bind(Int64(limit), at: 2)
        var ledgers: [QueueLedger] = []
        while try statement.step() { ledgers.append(try Self.ledger(statement, connection)) }
        return ledgers
    }

    /// - Returns: `false` if there are as many queues as a file can have.
    static func insert(_ name: QueueName, _ settings: QueueSettings, on connection: Connection) throws(StoreError)
        -> Bool
    {
        let last = try connection.prepared(Self.lastNumber)
        defer { last.reset() }
        guard try last.step(), last.integer(0) < QueueSchema.lastQueue else { return false }
        let statement = try connection.prepared(Self.insert)
        statement.bind(name.rawValue, at: 1)
        statement.bind(Int64(settings.capacity), at: 2)
        statement.bind(Int64(settings.capacityBytes), at: 3)
        statement.bind(settings.overflow.rawValue, at: 4)
        statement.bind(settings.order.rawValue, at: 5)
        statement.bind(Int64(settings.deliveryLimit), at: 6)
        statement.bind(settings.lease.clampedNanoseconds, at: 7)
        statement.bind(settings.backoff.initial.clampedNanoseconds, at: 8)
        statement.bind(settings.backoff.maximum.clampedNanoseconds, at: 9)
        statement.bind(real: settings.backoff.multiplier, at: 10)
        statement.bind(optional: settings.retention?.clampedNanoseconds, at: 11)
        statement.bind(settings.deduplicationWindow.clampedNanoseconds, at: 12)
        statement.bind(optional: settings.deadLetterQueue?.rawValue, at: 13)
        try statement.run()
        return true
    }

    /// Removes a queue that has no messages, with what it remembers.
    static func delete(_ ledger: QueueLedger, on connection: Connection) throws(StoreError) {
        for sql in [Self.deleteDeadlines, Self.deleteDeduplications, Self.deleteShares, Self.delete] {
            let statement = try connection.prepared(sql)
            statement.bind(ledger.number, at: 1)
            try statement.run()
        }
    }

    private static func ledger(
        _ row: PreparedStatement, _ connection: Connection
    ) throws(StoreError) -> QueueLedger {
        var settings = QueueSettings()
        settings.capacity = Int(row.integer(2))
        settings.capacityBytes = Int(row.integer(3))
        settings.deliveryLimit = Int(row.integer(6))
        settings.lease = .nanoseconds(row.integer(7))
        settings.backoff = Backoff(
            initial: .nanoseconds(row.integer(8)), maximum: .nanoseconds(row.integer(9)), multiplier: row.real(10))
        settings.retention = row.optionalInteger(11).map { .nanoseconds($0) }
        settings.deduplicationWindow = .nanoseconds(row.integer(12))
        guard let name = try? QueueName(row.text(1)), let overflow = QueueSettings.Overflow(rawValue: row.text(4)),
            let order = QueueSettings.Order(rawValue: row.text(5))
        else {
            throw StoreError.damaged(
                "the queue \(NameRules.quoted(row.text(1))) has settings that no queue has", in: connection)
        }
        settings.overflow = overflow
        settings.order = order
        if let text = row.optionalText(13) { settings.deadLetterQueue = try? QueueName(text) }
        var counts = QueueStatistics()
        counts.ready = Int(row.integer(14))
        counts.waiting = Int(row.integer(15))
        counts.delayed = Int(row.integer(16))
        counts.leased = Int(row.integer(17))
        counts.dead = Int(row.integer(18))
        counts.bytes = Int(row.integer(19))
        var totals = QueueTotals()
        totals.published = Int(row.integer(22))
        totals.delivered = Int(row.integer(23))
        totals.acknowledged = Int(row.integer(24))
        totals.dropped = Int(row.integer(25))
        totals.leasesLost = Int(row.integer(26))
        totals.undelayed = Int(row.integer(27))
        totals.lateness = .nanoseconds(row.integer(28))
        return QueueLedger(
            number: row.integer(0), name: name, settings: settings, counts: counts, totals: totals,
            isPaused: row.integer(21) != 0, changes: row.integer(20))
    }
}
