import ColonyCore

/// Who gets a name: the decisions that take leases and queues together, each inside a transaction of the writer.
///
/// A free name goes only to the first live waiter of its queue, if there is one. To everybody else such a name is held:
/// the answer names that waiter as the owner, its ticket as the token, and as the remaining time how long it may still
/// take until it counts as dead. A ticket is never the token of a grant, so waiting for it to be over means waiting
/// until that waiter has taken its turn, left, or died.
struct LeaseDecisions {
    let transaction: WriteTransaction
    let desk: LeaseDesk
    let now: Int64

    init(_ transaction: WriteTransaction, desk: LeaseDesk) {
        self.transaction = transaction
        self.desk = desk
        self.now = desk.clock.now.nanoseconds
    }

    private var connection: Connection { self.transaction.connection }

    /// The answer to one who asks without standing in the queue.
    func tryAcquire(_ name: LeaseName, owner: OwnerID, for duration: Int64) throws(StoreError) -> Acquisition {
        switch try self.standing(of: name, for: owner) {
        case .mine(let token):
            if let lease = try LeaseTable.extend(
                name, of: owner, token: token, for: duration, at: self.now, on: self.connection)
            {
                return .granted(lease)
            }
            preconditionFailure("the lease of \(name) was found and then lost within one transaction")
        case .held(let row):
            return .held(try self.holder(row))
        case .reserved(let head):
            return .held(try self.holder(head))
        case .free(let front) where front.isEmpty:
            return .granted(try self.grant(name, to: owner, for: duration))
        case .free(let front):
            // More than one statement from here on.
            return try self.transaction.atomically { () throws(StoreError) in
                try self.clear(front, of: name)
                return .granted(try self.takeTurn(name, owner: owner, for: duration))
            }
        }
    }

    /// What a waiter is told who asks for its turn.
    enum Turn {
        case granted(Lease)
        /// It stands in the queue. Nothing will change before `until` unless it is told.
        case waits(ticket: Int64, holder: LeaseHolder, until: Int64)
    }

    /// Takes the turn of a waiter, or its place in the queue.
    ///
    /// - Parameter ticket: Its place, or `nil` for one that has none yet. A place that was lost, because this process
    ///   slept so long that others took it for dead, is taken again.
    /// - Parameter since: When it began to wait.
    func takeTurn(
        _ name: LeaseName, owner: OwnerID, for duration: Int64, ticket: Int64?, since: Int64
    ) throws(StoreError) -> Turn {
        let holder: LeaseHolder
        let until: Int64
        switch try self.standing(of: name, for: owner) {
        case .mine(let token):
            if let lease = try LeaseTable.extend(
                name, of: owner, token: token, for: duration, at: self.now, on: self.connection)
            {
                _ = try WaiterTable.leave(name, owner: owner, on: self.connection)
                return .granted(lease)
            }
            preconditionFailure("the lease of \(name) was found and then lost within one transaction")
        case .free(let front):
            try self.clear(front, of: name)
            return .granted(try self.takeTurn(name, owner: owner, for: duration))
        case .held(let row):
            holder = try self.holder(row)
            until = row.expiresAt
        case .reserved(let head):
            holder = try self.holder(head)
            until = head.diesAt
        }
        let place = ticket ?? self.transaction.nextNumber()
        if self.desk.needsSession(at: self.now) {
            try self.renewSession()
        }
        try WaiterTable.enter(
            name, ticket: place, owner: owner, session: self.desk.session, since: since, on: self.connection)
        return .waits(ticket: place, holder: holder, until: until)
    }

    /// Extends exactly this grant; `nil` if it is over.
    func renew(_ lease: Lease, for duration: Int64) throws(StoreError) -> Lease? {
        try LeaseTable.extend(
            lease.name, of: lease.owner, token: Int64(bitPattern: lease.token.rawValue), for: duration, at: self.now,
            on: self.connection)
    }

    /// Leaves the queue, and lets those behind move up.
    func leaveQueue(_ name: LeaseName, ticket: Int64) throws(StoreError) {
        try WaiterTable.leave(name, ticket: ticket, on: self.connection)
        if self.connection.changes > 0 { self.announce(name) }
    }

    /// Ends what `owner` holds, and where no grant is named also its places in the queue.
    func release(_ name: LeaseName, owner: OwnerID, token: Int64?) throws(StoreError) -> Bool {
        let ended = try LeaseTable.end(name, of: owner, token: token, at: self.now, in: self.transaction)
        let left = token == nil ? try WaiterTable.leave(name, owner: owner, on: self.connection) : false
        if left { self.transaction.ring() }
        if ended || left { self.announce(name) }
        return ended
    }

    func breakLease(_ name: LeaseName) throws(StoreError) -> LeaseRecord? {
        guard let record = try LeaseTable.record(name, at: self.now, on: self.connection) else { return nil }
        try LeaseTable.end(name, in: self.transaction)
        self.announce(name)
        return record
    }

    func renewSession() throws(StoreError) {
        try WaiterTable.renewSession(self.desk.session, at: self.now, on: self.connection)
        let now = self.now
        let desk = self.desk
        self.transaction.afterCommit { desk.sessionWasRenewed(at: now) }
    }
}

// MARK: - The steps

extension LeaseDecisions {
    private enum Standing {
        case mine(token: Int64)
        case held(LeaseTable.Row)
        case reserved(WaiterTable.Head)
        /// Free for this owner; what stands at the front of the queue can be cleared away.
        case free(WaiterTable.Front)
    }

    private func standing(of name: LeaseName, for owner: OwnerID) throws(StoreError) -> Standing {
        let text = owner.rawValue
        if let row = try LeaseTable.live(name, at: self.now, on: self.connection) {
            return Self.isSame(row.owner, text) ? .mine(token: row.token) : .held(row)
        }
        let front = try WaiterTable.front(of: name, at: self.now, desk: self.desk, on: self.connection)
        if let head = front.live, !Self.isSame(head.owner, text) { return .reserved(head) }
        return .free(front)
    }

    /// Owners are equal when their bytes are; two spellings of `é` are equal strings, and two owners.
    private static func isSame(_ first: String, _ second: String) -> Bool {
        first.utf8.elementsEqual(second.utf8)
    }

    private func grant(_ name: LeaseName, to owner: OwnerID, for duration: Int64) throws(StoreError) -> Lease {
        let desk = self.desk
        if desk.isInteresting {
            self.transaction.afterCommit { desk.wasGranted(name) }
        }
        if desk.sweep.isDue() {
            self.transaction.afterCommit { desk.sweepSoon() }
        }
        return try LeaseTable.grant(name, to: owner, for: duration, at: self.now, in: self.transaction)
    }

    /// Grants the name and takes its owner out of the queue, in the transaction of the caller.
    private func takeTurn(_ name: LeaseName, owner: OwnerID, for duration: Int64) throws(StoreError) -> Lease {
        _ = try WaiterTable.leave(name, owner: owner, on: self.connection)
        return try self.grant(name, to: owner, for: duration)
    }

    private func clear(_ front: WaiterTable.Front, of name: LeaseName) throws(StoreError) {
        if front.hasDead {
            try WaiterTable.buryDead(exceptOf: self.desk.session, at: self.now, on: self.connection)
        }
        for ticket in front.abandoned {
            try WaiterTable.leave(name, ticket: ticket, on: self.connection)
        }
    }

    /// Has those who wait look, here after the commit and in other processes through the doorbell.
    private func announce(_ name: LeaseName) {
        self.transaction.ring()
        let desk = self.desk
        // Who begins to wait later than this looks for itself, after this transaction.
        if desk.isInteresting {
            self.transaction.afterCommit { desk.wasFreed(name) }
        }
    }

    private func holder(_ row: LeaseTable.Row) throws(StoreError) -> LeaseHolder {
        LeaseHolder(
            owner: try LeaseTable.owner(row.owner, self.connection),
            token: FencingToken(rawValue: UInt64(bitPattern: row.token)),
            remaining: .nanoseconds(row.expiresAt - self.now))
    }

    private func holder(_ head: WaiterTable.Head) throws(StoreError) -> LeaseHolder {
        let remaining = head.diesAt == .max ? WaiterTable.deadAfter : head.diesAt - self.now
        return LeaseHolder(
            owner: try LeaseTable.owner(head.owner, self.connection),
            token: FencingToken(rawValue: UInt64(bitPattern: head.ticket)), remaining: .nanoseconds(remaining))
    }
}

// MARK: - Looking without changing

/// What those who wait want to know about a name after something has changed.
struct LeaseExamination: Sendable {
    /// The grants and places asked about that are over.
    var over: Set<Int64> = []
    /// When something will change by itself: the end of the lease, or of the patience with a silent waiter.
    var until: Int64 = .max
    /// Whether the waiter that was asked about may take its turn, or has lost its place.
    var isTurn = false

    /// - Parameters:
    ///   - tokens: Grants, or places in the queue of a free name, that somebody waits for the end of.
    ///   - ticket: The place of the first waiter of this process.
    static func of(
        _ name: LeaseName, tokens: some Sequence<Int64>, ticket: Int64?, desk: LeaseDesk, on connection: Connection
    ) throws(StoreError) -> LeaseExamination {
        let now = desk.clock.now.nanoseconds
        var result = LeaseExamination()
        var current: Int64?
        if let row = try LeaseTable.live(name, at: now, on: connection) {
            current = row.token
            result.until = row.expiresAt
            if let ticket {
                result.isTurn = try !WaiterTable.stands(name, ticket: ticket, on: connection)
            }
        } else {
            let front = try WaiterTable.front(of: name, at: now, desk: desk, on: connection)
            current = front.live?.ticket
            result.until = front.live?.diesAt ?? .max
            if let ticket {
                let stands = try WaiterTable.stands(name, ticket: ticket, on: connection)
                result.isTurn = current == nil || current == ticket || !stands
            }
        }
        for token in tokens where token != current {
            result.over.insert(token)
        }
        return result
    }
}
