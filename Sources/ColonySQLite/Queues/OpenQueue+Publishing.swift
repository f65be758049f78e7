import ColonyCore
import ColonyQueues

extension OpenQueue {
    private static let selectKnown = SQL(
        "SELECT id FROM queue_deduplication WHERE queue = ? AND text = ? AND due > ?")
    private static let insertKnown = SQL(
        "INSERT OR REPLACE INTO queue_deduplication (queue, text, due, id, civil_ms) VALUES (?, ?, ?, ?, ?)")
    private static let selectOldest = SQL(
        """
        SELECT place FROM queue_message m WHERE place BETWEEN ?1 AND ?2
            AND NOT EXISTS (SELECT 1 FROM queue_lease l WHERE l.place = m.place)
            AND NOT EXISTS (SELECT 1 FROM queue_dead d WHERE d.place = m.place)
        ORDER BY place LIMIT 1
        """)
    private static let sumLeased = SQL(
        "SELECT coalesce(sum(bytes), 0) FROM queue_lease WHERE place BETWEEN ?1 AND ?2")
    private static let selectFirstDead = SQL(
        "SELECT place FROM queue_dead WHERE place BETWEEN ?1 AND ?2 ORDER BY place LIMIT 1")

    /// Takes messages in, up to the first for which there is no room.
    func publish(_ messages: [OutgoingMessage]) throws(StoreError) -> [PublishOutcome] {
        var outcomes: [PublishOutcome] = []
        outcomes.reserveCapacity(messages.count)
        var stored = 0
        for message in messages {
            if let text = message.deduplicationID, let earlier = try self.known(text) {
                outcomes.append(.duplicate(MessageID(rawValue: earlier)))
                continue
            }
            let bytes = message.byteCount
            guard try self.makeRoom(for: bytes) else { break }
            let id = try self.takeNew(message, bytes: bytes)
            outcomes.append(.stored(MessageID(rawValue: id)))
            stored += 1
        }
        if stored > 0 { self.ledger.announce() }
        outcomes += Array(repeating: .full, count: messages.count - outcomes.count)
        return outcomes
    }

    private func takeNew(_ message: OutgoingMessage, bytes: Int) throws(StoreError) -> Int64 {
        let id = self.transaction.nextNumber()
        if let text = message.deduplicationID { try self.remember(text, id) }
        try self.take(id, message, bytes: bytes, publishedAt: self.civil)
        return id
    }

    /// What a message that goes to several queues at once can expect here.
    enum Reception {
        case duplicate(Int64)
        case room
        case full
    }

    /// Looks without changing anything.
    func reception(of message: OutgoingMessage, bytes: Int) throws(StoreError) -> Reception {
        if let text = message.deduplicationID, let earlier = try self.known(text) { return .duplicate(earlier) }
        return try self.canMakeRoom(for: bytes) ? .room : .full
    }

    /// Takes a message in whose reception was `room`, and gives up the oldest for it if need be.
    func takeCopy(_ message: OutgoingMessage, bytes: Int) throws(StoreError) -> Int64 {
        // The dead letters of another queue may have taken the room since; the message goes in all the same.
        _ = try self.makeRoom(for: bytes)
        self.ledger.announce()
        return try self.takeNew(message, bytes: bytes)
    }

    /// Takes a message in, whether or not there is room.
    func take(_ id: Int64, _ message: OutgoingMessage, bytes: Int, publishedAt: Int64) throws(StoreError) {
        let rank = Int64(9 - message.priority)
        var marks = MessageTable.Marks()
        var isDue = false
        self.ledger.counts.bytes += bytes
        self.ledger.totals.published += 1
        if let retention = self.ledger.settings.retention {
            let end = MonotonicInstant(nanoseconds: self.now).advanced(by: retention).nanoseconds
            try self.insertAge(id, at: end)
            marks.expires = end
        }
        switch message.availability {
        case .after(let delay) where delay > .zero:
            marks.due = try self.insertTimer(
                id, after: delay.clampedNanoseconds, rank: rank, attempts: 0, joins: true)
        case .at(let time) where time.millisecondsSince1970 > self.civil:
            try self.insertAppointment(id, at: time.millisecondsSince1970)
            marks.appointment = time.millisecondsSince1970
        case .now, .after, .at:
            isDue = true
            if message.key != nil, self.ledger.settings.order.isPerKey { marks.turn = self.transaction.nextNumber() }
        }
        try MessageTable.insert(
            message, at: self.ledger.place(id), publishedAt: publishedAt, marks, on: self.connection)
        if let key = message.key, let turn = marks.turn {
            try self.join(id, key: key, turn: turn, rank: rank)
        } else if isDue {
            try self.makeReady(id, rank: rank, attempts: 0)
        }
    }

    private func known(_ text: String) throws(StoreError) -> Int64? {
        let statement = try self.connection.prepared(Self.selectKnown)
        defer { statement.reset() }
        statement.bind(self.ledger.number, at: 1)
        statement.bind(text, at: 2)
        statement.bind(self.now, at: 3)
        return try statement.step() ? statement.integer(0) : nil
    }

    private func remember(_ text: String, _ id: Int64) throws(StoreError) {
        let window = self.ledger.settings.deduplicationWindow
        if window <= .zero { return }
        let due = MonotonicInstant(nanoseconds: self.now).advanced(by: window).nanoseconds
        let statement = try self.connection.prepared(Self.insertKnown)
        statement.bind(self.ledger.number, at: 1)
        statement.bind(text, at: 2)
        statement.bind(due, at: 3)
        statement.bind(id, at: 4)
        statement.bind(self.civil + window.clampedMilliseconds + 1, at: 5)
        try statement.run()
        self.ledger.nextInstant = min(self.ledger.nextInstant, due)
    }

    // MARK: Room

    private func hasRoom(for bytes: Int) -> Bool {
        let (settings, counts) = (self.ledger.settings, self.ledger.counts)
        return counts.count < settings.capacity && counts.bytes + bytes <= settings.capacityBytes
    }

    /// Whether there is room, or would be once everything is dropped that may be.
    private func canMakeRoom(for bytes: Int) throws(StoreError) -> Bool {
        if self.hasRoom(for: bytes) { return true }
        let (settings, counts) = (self.ledger.settings, self.ledger.counts)
        guard settings.overflow == .dropOldest, counts.leased < settings.capacity else { return false }
        // Dropping one message is enough for one more if they are not short of bytes.
        if counts.bytes + bytes <= settings.capacityBytes { return true }
        guard counts.leased > 0 else { return bytes <= settings.capacityBytes }
        let statement = try self.connection.prepared(Self.sumLeased)
        defer { statement.reset() }
        statement.bind(self.ledger.place(0), at: 1)
        statement.bind(self.ledger.place(1 << QueueSchema.messageBits - 1), at: 2)
        guard try statement.step() else { return false }
        return Int(statement.integer(0)) + bytes <= settings.capacityBytes
    }

    private func makeRoom(for bytes: Int) throws(StoreError) -> Bool {
        if self.hasRoom(for: bytes) { return true }
        // Nothing is dropped in vain.
        guard try self.canMakeRoom(for: bytes) else { return false }
        let settings = self.ledger.settings
        while !self.hasRoom(for: bytes) {
            if let place = try self.first(Self.selectOldest) {
                let id = QueueLedger.message(at: place)
                if settings.deadLetterQueue == nil {
                    try self.takeOut(id)
                    self.ledger.totals.dropped += 1
                } else {
                    try self.bury(id, "there was no room", try self.takeFromStanding(id))
                }
            } else if let place = try self.first(Self.selectFirstDead) {
                try self.dropDead(place)
                self.ledger.totals.dropped += 1
            } else {
                return false
            }
        }
        return true
    }

    private func first(_ sql: SQL) throws(StoreError) -> Int64? {
        let statement = try self.connection.prepared(sql)
        defer { statement.reset() }
        statement.bind(self.ledger.place(0), at: 1)
        statement.bind(self.ledger.place(1 << QueueSchema.messageBits - 1), at: 2)
        return try statement.step() ? statement.integer(0) : nil
    }
}
