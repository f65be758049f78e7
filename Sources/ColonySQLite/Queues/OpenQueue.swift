import ColonyCore
import ColonyQueues

/// One queue inside a transaction of the writer, as of one moment: the contract of ``QueueEngine`` in terms of rows.
///
/// Every message has exactly one standing: a row in `queue_ready` or `queue_turn`, `queue_lease`, `queue_timer`, `queue_appointment`, or `queue_dead`, or,
/// if it waits behind another of its key, none but that in `queue_line`.
struct OpenQueue {
    let ledger: QueueLedger
    let ledgers: QueueLedgers
    let transaction: WriteTransaction
    /// Nanoseconds on the host's clock, and civil milliseconds.
    let now: Int64
    let civil: Int64

    var connection: Connection { self.transaction.connection }

    /// Opens a queue and does what has become due in it.
    ///
    /// - Returns: `nil` if there is no such queue.
    init?(
        _ name: QueueName, now: Int64, civil: Int64, in transaction: WriteTransaction, news: QueueNews?
    ) throws(StoreError) {
        let ledgers = transaction.notes(QueueLedgers.self) { QueueLedgers(news: news) }
        guard let ledger = try ledgers.ledger(of: name, on: transaction.connection) else { return nil }
        self.ledger = ledger
        self.ledgers = ledgers
        self.transaction = transaction
        self.now = now
        self.civil = civil
        try self.advance()
    }

    private init(_ ledger: QueueLedger, like other: OpenQueue) {
        self.ledger = ledger
        self.ledgers = other.ledgers
        self.transaction = other.transaction
        self.now = other.now
        self.civil = other.civil
    }

    /// Another queue at the same moment.
    func sibling(_ name: QueueName) throws(StoreError) -> OpenQueue? {
        guard let ledger = try self.ledgers.ledger(of: name, on: self.connection) else { return nil }
        return OpenQueue(ledger, like: self)
    }

    // MARK: Time

    /// The most that is done for one operation when much has become due at once; the next one goes on.
    private static let dueAtOnce: Int64 = 1_000
    /// How often that is done again while there is nothing to deliver; some tens of milliseconds at the most.
    private static let roundsAtOnce = 16

    private static let selectTimers = SQL(
        """
        SELECT due, id, rank, attempts, joins FROM queue_timer
        WHERE queue = ?1 AND due <= ?2 ORDER BY due, id LIMIT ?3
        """)
    private static let deleteTimers = SQL("DELETE FROM queue_timer WHERE queue = ?1 AND (due, id) <= (?2, ?3)")
    private static let selectDeadlines = SQL(
        """
        SELECT due, first, last FROM queue_deadline
        WHERE queue = ?1 AND due <= ?2 ORDER BY due, first, last LIMIT ?3
        """)
    private static let deleteDeadlines = SQL(
        "DELETE FROM queue_deadline WHERE queue = ?1 AND (due, first, last) <= (?2, ?3, ?4)")
    private static let selectEnded = SQL(
        "SELECT due, place, rank, attempts FROM queue_lease WHERE place BETWEEN ?1 AND ?2 AND due <= ?3 ORDER BY due, place"
    )
    private static let selectAppointments = SQL(
        "SELECT at_ms, id FROM queue_appointment WHERE queue = ?1 AND at_ms <= ?2 ORDER BY at_ms, id LIMIT ?3")
    private static let deleteAppointments = SQL(
        "DELETE FROM queue_appointment WHERE queue = ?1 AND (at_ms, id) <= (?2, ?3)")
    private static let selectAges = SQL(
        "SELECT due, id FROM queue_age WHERE queue = ?1 AND due <= ?2 ORDER BY due, id LIMIT ?3")
    private static let deleteForgotten = SQL(
        """
        DELETE FROM queue_deduplication WHERE (queue, text) IN (
            SELECT queue, text FROM queue_deduplication WHERE queue = ?1 AND due <= ?2 ORDER BY due LIMIT ?3)
        """)
    private static let selectNext = SQL(
        """
        SELECT (SELECT min(due) FROM queue_timer WHERE queue = ?1), (SELECT min(due) FROM queue_deadline WHERE queue = ?1),
            (SELECT min(due) FROM queue_age WHERE queue = ?1),
            (SELECT min(due) FROM queue_deduplication WHERE queue = ?1),
            (SELECT min(at_ms) FROM queue_appointment WHERE queue = ?1),
            (SELECT min(opens) FROM queue_later WHERE queue = ?1)
        """)

    private func advance() throws(StoreError) {
        if self.ledger.nextInstant == .min { try self.lookAhead() }
        guard self.isDue else { return }
        var rounds = 0
        repeat {
            try self.openBuckets(upTo: Self.dueAtOnce)
            try self.endRestsAndLeases()
            try self.keepAppointments()
            try self.endAges()
            try self.run(Self.deleteForgotten, self.now)
            try self.lookAhead()
            rounds += 1
            // What is due must not hide behind what is not: a bucket that opens has both.
        } while self.ledger.counts.ready == 0 && self.isDue && rounds < Self.roundsAtOnce
        // Also when somebody only looks: who was given nothing before must hear of it.
        self.ledger.announce()
    }

    private var isDue: Bool { self.now >= self.ledger.nextInstant || self.civil >= self.ledger.nextAppointment }

    private func lookAhead() throws(StoreError) {
        (self.ledger.nextInstant, self.ledger.nextAppointment) = try Self.next(
            of: self.ledger.number, on: self.connection)
    }

    /// When something becomes due by itself: an instant, and a civil time. The end of time for never.
    static func next(
        of queue: Int64, on connection: Connection
    ) throws(StoreError) -> (instant: Int64, appointment: Int64) {
        let statement = try connection.prepared(Self.selectNext)
        defer { statement.reset() }
        statement.bind(queue, at: 1)
        guard try statement.step() else { return (.max, .max) }
        var instant = Int64.max
        for column in 0..<4 as Range<Int32> {
            if let due = statement.optionalInteger(column) { instant = min(instant, due) }
        }
        if let opens = statement.optionalInteger(5) { instant = min(instant, opens - DelayWheel.lead) }
        return (instant, statement.optionalInteger(4) ?? .max)
    }

    private func endRestsAndLeases() throws(StoreError) {
        struct Ended {
            let due: Int64
            let id: Int64
            let rank: Int64
            let attempts: Int64
            var joins = false
            var wasLeased = false
        }
        var ended: [Ended] = []
        let timers = try self.selection(Self.selectTimers, self.now)
        while try timers.step() {
            ended.append(
                Ended(
                    due: timers.integer(0), id: timers.integer(1), rank: timers.integer(2),
                    attempts: timers.integer(3), joins: timers.integer(4) != 0))
        }
        timers.reset()
        if let last = ended.last { try self.run(Self.deleteTimers, last.due, last.id) }

        var deadlines: [(due: Int64, first: Int64, last: Int64)] = []
        let hints = try self.selection(Self.selectDeadlines, self.now)
        while try hints.step() { deadlines.append((hints.integer(0), hints.integer(1), hints.integer(2))) }
        hints.reset()
        for deadline in deadlines {
            let leases = try self.connection.prepared(Self.selectEnded)
            leases.bind(deadline.first, at: 1)
            leases.bind(deadline.last, at: 2)
            leases.bind(self.now, at: 3)
            var places: [Int64] = []
            while try leases.step() {
                places.append(leases.integer(1))
                ended.append(
                    Ended(
                        due: leases.integer(0), id: QueueLedger.message(at: leases.integer(1)),
                        rank: leases.integer(2),
                        attempts: leases.integer(3), wasLeased: true))
            }
            leases.reset()
            for place in places { try self.deleteLease(at: place) }
        }
        if let last = deadlines.last { try self.run(Self.deleteDeadlines, last.due, last.first, last.last) }

        ended.sort { ($0.due, $0.id) < ($1.due, $1.id) }
        for message in ended {
            if message.wasLeased {
                self.ledger.counts.leased -= 1
                self.ledger.totals.leasesLost += 1
                let reason = "its lease ran out at delivery \(message.attempts)"
                try self.noteFailure(message.id, attempt: message.attempts, reason)
                if message.attempts >= self.ledger.settings.deliveryLimit {
                    try self.bury(message.id, reason, message.attempts)
                } else {
                    try self.makeReady(message.id, rank: message.rank, attempts: message.attempts)
                }
            } else {
                self.ledger.counts.delayed -= 1
                if message.joins {
                    self.ledger.totals.undelayed += 1
                    self.ledger.totals.lateness += .nanoseconds(self.now - message.due)
                    try self.join(message.id)
                } else {
                    try self.makeReady(message.id, rank: message.rank, attempts: message.attempts)
                }
            }
        }
    }

    private func keepAppointments() throws(StoreError) {
        var due: [(time: Int64, id: Int64)] = []
        let appointments = try self.selection(Self.selectAppointments, self.civil)
        while try appointments.step() { due.append((appointments.integer(0), appointments.integer(1))) }
        appointments.reset()
        guard let last = due.last else { return }
        try self.run(Self.deleteAppointments, last.time, last.id)
        for appointment in due {
            self.ledger.counts.delayed -= 1
            self.ledger.totals.undelayed += 1
            self.ledger.totals.lateness += .milliseconds(self.civil - appointment.time)
            try self.join(appointment.id)
        }
    }

    private func endAges() throws(StoreError) {
        guard let retention = self.ledger.settings.retention else { return }
        var old: [(due: Int64, id: Int64)] = []
        let ages = try self.selection(Self.selectAges, self.now)
        while try ages.step() { old.append((ages.integer(0), ages.integer(1))) }
        ages.reset()
        for age in old {
            if try self.isLeased(age.id) {
                // What is with a consumer is for the consumer to end; the end of its lease finds it too old.
                try self.deleteAge(age.due, age.id)
                let end = MonotonicInstant(nanoseconds: self.now).advanced(by: self.ledger.settings.lease)
                try self.insertAge(age.id, at: end.nanoseconds)
                try MessageTable.setExpires(end.nanoseconds, at: self.ledger.place(age.id), on: self.connection)
            } else {
                let attempts = try self.takeFromStanding(age.id)
                try self.bury(age.id, "it was kept for \(retention)", attempts)
            }
        }
    }

    // MARK: Statements

    /// A statement of the kind "these of the queue, up to then, so many at most".
    private func selection(_ sql: SQL, _ end: Int64) throws(StoreError) -> PreparedStatement {
        let statement = try self.connection.prepared(sql)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(end, at: 2)
        statement.bind(Self.dueAtOnce, at: 3)
        return statement
    }

    private func run(_ sql: SQL, _ first: Int64) throws(StoreError) {
        _ = try self.selection(sql, first).run()
    }

    private func run(_ sql: SQL, _ first: Int64, _ second: Int64, _ third: Int64? = nil) throws(StoreError) {
        let statement = try self.connection.prepared(sql)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(first, at: 2)
        statement.bind(second, at: 3)
        if let third { statement.bind(third, at: 4) }
        try statement.run()
    }
}
