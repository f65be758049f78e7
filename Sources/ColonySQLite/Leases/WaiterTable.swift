import ColonyCore

/// The queues in the file: who waits for a name, in the order of their tickets, and which processes are alive.
///
/// A waiter belongs to the session of its process. A process with waiters renews its session once a second; one whose
/// session has not been renewed for ``deadAfter`` is dead, and all its waiters leave the queue in one step, so that any
/// number of dead waiters cost those behind them one bound together.
///
/// Tickets come from the same counter as fencing tokens, so that a number names either a grant or a place in a queue,
/// never both.
enum WaiterTable {
    /// How long a process may show no sign of life: three heartbeats, of which two may be late.
    static let deadAfter: Int64 = 3_000_000_000
    static let heartbeatInterval: Int64 = 1_000_000_000

    /// The first in a queue.
    struct Head {
        let ticket: Int64
        let owner: String
        /// When it counts as dead if its process shows no sign of life; the end of time for a waiter of this process.
        let diesAt: Int64
    }

    private static let selectQueue = SQL(
        """
        SELECT waiter.ticket, waiter.owner, waiter.session, ifnull(session.heartbeat, -1)
        FROM waiter LEFT JOIN session ON session.id = waiter.session
        WHERE waiter.name = ? ORDER BY waiter.ticket
        """)
    private static let selectWaiters = SQL("SELECT owner, since FROM waiter WHERE name = ? ORDER BY ticket")
    private static let selectTicket = SQL("SELECT 1 FROM waiter WHERE name = ? AND ticket = ?")
    private static let insert = SQL(
        "INSERT OR IGNORE INTO waiter (name, ticket, owner, session, since) VALUES (?, ?, ?, ?, ?)")
    private static let deleteTicket = SQL("DELETE FROM waiter WHERE name = ? AND ticket = ?")
    private static let deleteOwner = SQL("DELETE FROM waiter WHERE name = ? AND owner = ?")
    private static let upsertSession = SQL("INSERT OR REPLACE INTO session (id, heartbeat) VALUES (?, ?)")
    private static let buryWaiters = SQL(
        """
        DELETE FROM waiter WHERE session <> ?1
            AND session NOT IN (SELECT id FROM session WHERE heartbeat > ?2)
        """)
    private static let burySessions = SQL("DELETE FROM session WHERE id <> ?1 AND heartbeat <= ?2")

    /// The front of a queue.
    struct Front {
        /// The first waiter that is alive.
        var live: Head?
        /// Whether waiters of dead processes stand before it.
        var hasDead = false
        /// Places before it that waiters of this process have left without being able to say so.
        var abandoned: [Int64] = []

        /// Whether the queue holds nobody, neither living nor dead.
        var isEmpty: Bool { self.live == nil && !self.hasDead && self.abandoned.isEmpty }
    }

    /// Looks at the front of a queue. It only reads.
    static func front(
        of name: LeaseName, at now: Int64, desk: LeaseDesk, on connection: Connection
    ) throws(StoreError) -> Front {
        let statement = try connection.prepared(Self.selectQueue)
        defer { statement.reset() }
        statement.bind(name.rawValue, at: 1)
        var front = Front()
        while try statement.step() {
            let ticket = statement.integer(0)
            if statement.text(2, equals: desk.session) {
                if desk.isWaiting(ticket) {
                    front.live = Head(ticket: ticket, owner: statement.text(1), diesAt: .max)
                    break
                }
                front.abandoned.append(ticket)
            } else {
                let heartbeat = statement.integer(3)
                let (diesAt, _) = heartbeat.addingReportingOverflow(Self.deadAfter)
                if heartbeat >= 0, diesAt > now {
                    front.live = Head(ticket: ticket, owner: statement.text(1), diesAt: diesAt)
                    break
                }
                front.hasDead = true
            }
        }
        return front
    }

    /// Whether somebody stands at this place.
    static func stands(_ name: LeaseName, ticket: Int64, on connection: Connection) throws(StoreError) -> Bool {
        let statement = try connection.prepared(Self.selectTicket)
        defer { statement.reset() }
        statement.bind(name.rawValue, at: 1)
        statement.bind(ticket, at: 2)
        return try statement.step()
    }

    /// Everybody in the queue, as operators see it.
    static func waiters(
        for name: LeaseName, at now: Int64, on connection: Connection
    ) throws(StoreError) -> [LeaseWaiter] {
        let statement = try connection.prepared(Self.selectWaiters)
        defer { statement.reset() }
        statement.bind(name.rawValue, at: 1)
        var waiters: [LeaseWaiter] = []
        while try statement.step() {
            let owner = try LeaseTable.owner(statement.text(0), connection)
            waiters.append(LeaseWaiter(owner: owner, age: .nanoseconds(max(0, now - statement.integer(1)))))
        }
        return waiters
    }

    /// Puts a waiter in its place; does nothing, and changes nothing in the file, if it stands there.
    static func enter(
        _ name: LeaseName, ticket: Int64, owner: OwnerID, session: String, since: Int64, on connection: Connection
    ) throws(StoreError) {
        let statement = try connection.prepared(Self.insert)
        statement.bind(name.rawValue, at: 1)
        statement.bind(ticket, at: 2)
        statement.bind(owner.rawValue, at: 3)
        statement.bind(session, at: 4)
        statement.bind(since, at: 5)
        try statement.run()
    }

    static func leave(_ name: LeaseName, ticket: Int64, on connection: Connection) throws(StoreError) {
        let statement = try connection.prepared(Self.deleteTicket)
        statement.bind(name.rawValue, at: 1)
        statement.bind(ticket, at: 2)
        try statement.run()
    }

    /// Takes every place that `owner` has in the queue.
    ///
    /// - Returns: Whether there was one.
    static func leave(_ name: LeaseName, owner: OwnerID, on connection: Connection) throws(StoreError) -> Bool {
        let statement = try connection.prepared(Self.deleteOwner)
        statement.bind(name.rawValue, at: 1)
        statement.bind(owner.rawValue, at: 2)
        try statement.run()
        return connection.changes > 0
    }

    static func renewSession(_ session: String, at now: Int64, on connection: Connection) throws(StoreError) {
        let statement = try connection.prepared(Self.upsertSession)
        statement.bind(session, at: 1)
        statement.bind(now, at: 2)
        try statement.run()
    }

    /// Removes the waiters of all processes that have died, in all queues, and their sessions.
    static func buryDead(exceptOf session: String, at now: Int64, on connection: Connection) throws(StoreError) {
        for sql in [Self.buryWaiters, Self.burySessions] {
            let statement = try connection.prepared(sql)
            statement.bind(session, at: 1)
            statement.bind(now - Self.deadAfter, at: 2)
            try statement.run()
        }
    }
}
