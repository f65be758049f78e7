import ColonyCore
import ColonyQueues

extension OpenQueue {
    private static let selectReady = SQL(
        """
        SELECT r.rank, r.id, r.attempts, m.body, m.key, m.headers, m.published_ms, m.turn IS NOT NULL OR m.expires IS NOT NULL
        FROM queue_ready r CROSS JOIN queue_message m ON m.place = (?2 | r.id)
        WHERE r.queue = ?1 ORDER BY r.rank, r.id LIMIT ?3
        """)
    private static let deleteReady = SQL("DELETE FROM queue_ready WHERE queue = ? AND rank = ? AND id <= ?")
    private static let insertLease = SQL(
        "INSERT INTO queue_lease (place, nonce, attempts, due, rank, bytes, is_tied) VALUES (?, ?, ?, ?, ?, ?, ?)")
    private static let selectLease = SQL(
        "SELECT nonce, attempts, due, rank, bytes, is_tied FROM queue_lease WHERE place = ?")
    private static let extendLease = SQL("UPDATE queue_lease SET due = ? WHERE place = ?")

    /// Hands messages out: the highest priority first, then the key whose turn it is, then the lowest number.
    ///
    /// - Parameters:
    ///   - leaseEnd: What the consumer is told, by its own clock.
    ///   - nonce: Drawn for this call. Whoever has one receipt of a call was given them all, so they may share it.
    func receive(
        _ limit: Int, lease: Duration, leaseEnd: MonotonicInstant, nonce: UInt64
    ) throws(StoreError) -> [Delivery] {
        if limit == 0 || self.ledger.isPaused || self.ledger.counts.ready == 0 { return [] }
        let due = MonotonicInstant(nanoseconds: self.now).advanced(by: lease).nanoseconds
        var deliveries: [Delivery] = []
        deliveries.reserveCapacity(min(limit, self.ledger.counts.ready))
        var lastOfRank: [(rank: Int64, id: Int64)] = []
        var (firstPlace, lastPlace) = (Int64.max, Int64.min)
        let isFair = self.ledger.settings.order.isFair
        var lastTurn: Int64 = 0
        let rows = try self.connection.prepared(isFair ? Self.selectTurns : Self.selectReady)
        let leases = try self.connection.prepared(Self.insertLease)
        defer { rows.reset() }
        rows.bind(self.ledger.number, at: 1)
        rows.bind(self.ledger.place(0), at: 2)
        rows.bind(Int64(limit), at: 3)
        while try rows.step() {
            let (rank, id, attempts) = (rows.integer(0), rows.integer(1), rows.integer(2) + 1)
            let key = rows.optionalText(4)
            let headers = rows.isNull(5) ? [:] : try MessageTable.headers(rows.text(5), self.connection)
            let body = rows.bytes(3)
            let place = self.ledger.place(id)
            let bytes = headers.reduce(body.count + (key?.utf8.count ?? 0)) {
                $0 + $1.key.utf8.count + $1.value.utf8.count
            }
            leases.bind(place, at: 1)
            leases.bind(Int64(bitPattern: nonce), at: 2)
            leases.bind(attempts, at: 3)
            leases.bind(due, at: 4)
            leases.bind(rank, at: 5)
            leases.bind(Int64(bytes), at: 6)
            leases.bind(rows.integer(7), at: 7)
            try leases.run()
            if lastOfRank.last?.rank == rank { lastOfRank.removeLast() }
            lastOfRank.append((rank, id))
            if isFair { lastTurn = rows.integer(8) }
            (firstPlace, lastPlace) = (min(firstPlace, place), max(lastPlace, place))
            deliveries.append(
                Delivery(
                    receipt: Receipt(message: MessageID(rawValue: id), attempt: Int(attempts), nonce: nonce),
                    body: body,
                    key: key, priority: Int(9 - rank), headers: headers,
                    publishedAt: WallTime(millisecondsSince1970: rows.integer(6)), leaseEnd: leaseEnd))
        }
        guard let last = lastOfRank.last else { return [] }
        if isFair {
            try self.deleteTurns(upTo: lastTurn, rank: last.rank, id: last.id)
            lastOfRank = []
        }
        for (rank, id) in lastOfRank {
            let statement = try self.connection.prepared(Self.deleteReady)
            statement.bind(self.ledger.number, at: 1)
            statement.bind(rank, at: 2)
            statement.bind(id, at: 3)
            try statement.run()
        }
        try self.insertDeadline(due, firstPlace, lastPlace)
        self.ledger.counts.ready -= deliveries.count
        self.ledger.counts.leased += deliveries.count
        self.ledger.totals.delivered += deliveries.count
        return deliveries
    }

    // MARK: Settling

    private struct Lease {
        let attempts: Int64
        let due: Int64
        let rank: Int64
        let bytes: Int
        let isTied: Bool
    }

    private func lease(of receipt: Receipt) throws(StoreError) -> Lease? {
        // A number from outside must not reach into the places of another queue.
        guard receipt.message.rawValue < 1 << QueueSchema.messageBits else { return nil }
        let row = try self.connection.prepared(Self.selectLease)
        defer { row.reset() }
        row.bind(self.ledger.place(receipt.message.rawValue), at: 1)
        // When very many leases have ended at once, some of them still stand here.
        guard try row.step(), row.integer(0) == Int64(bitPattern: receipt.nonce),
            row.integer(1) == Int64(receipt.attempt), row.integer(2) > self.now
        else { return nil }
        return Lease(
            attempts: row.integer(1), due: row.integer(2), rank: row.integer(3), bytes: Int(row.integer(4)),
            isTied: row.integer(5) != 0)
    }

    /// Says how deliveries ended or that they go on.
    func settle(_ settlements: [Settlement]) throws(StoreError) -> [SettlementOutcome] {
        var outcomes: [SettlementOutcome] = []
        outcomes.reserveCapacity(settlements.count)
        for settlement in settlements { outcomes.append(try self.settle(settlement)) }
        self.ledger.announce()
        return outcomes
    }

    private func settle(_ settlement: Settlement) throws(StoreError) -> SettlementOutcome {
        guard let lease = try self.lease(of: settlement.receipt) else { return .stale }
        let id = settlement.receipt.message.rawValue
        let place = self.ledger.place(id)
        if case .extend(let duration) = settlement.kind {
            let due = max(
                lease.due, MonotonicInstant(nanoseconds: self.now).advanced(by: duration).nanoseconds)
            let statement = try self.connection.prepared(Self.extendLease)
            statement.bind(due, at: 1)
            statement.bind(place, at: 2)
            try statement.run()
            try self.insertDeadline(due, place, place)
            return .settled
        }
        try self.deleteLease(at: place)
        self.ledger.counts.leased -= 1
        switch settlement.kind {
        case .deadLetter(let reason), .retry(_, let reason):
            try self.noteFailure(id, attempt: lease.attempts, reason)
        case .acknowledge, .handBack, .extend: break
        }
        switch settlement.kind {
        case .acknowledge:
            self.ledger.totals.acknowledged += 1
            if lease.attempts > 1 { try self.deleteFailures(at: place) }
            if lease.isTied {
                try self.remove(id)
            } else {
                try MessageTable.delete(at: place, on: self.connection)
                self.ledger.counts.bytes -= lease.bytes
            }
        case .deadLetter(let reason): try self.bury(id, reason, lease.attempts)
        case .retry(_, let reason) where lease.attempts >= self.ledger.settings.deliveryLimit:
            try self.bury(id, reason, lease.attempts)
        case .retry(let rest, _) where rest > .zero:
            let due = try self.insertTimer(
                id, after: rest.clampedNanoseconds, rank: lease.rank, attempts: lease.attempts, joins: false)
            try MessageTable.setDue(due, at: place, on: self.connection)
        case .retry: try self.makeReady(id, rank: lease.rank, attempts: lease.attempts)
        case .handBack: try self.makeReady(id, rank: lease.rank, attempts: lease.attempts - 1, isNext: true)
        case .extend: break
        }
        return .settled
    }
}
