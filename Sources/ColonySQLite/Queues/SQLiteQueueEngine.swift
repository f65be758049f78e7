public import ColonyCore
public import ColonyQueues

/// Queues in an SQLite file: as durable as the disk, shared by the processes of a host, with nothing to install.
///
/// **Guarantee.** ``publish(_:to:)`` and ``settle(_:in:)`` return after `fsync`; a message that was confirmed is delivered until it is
/// acknowledged, whatever dies in between. An attempt is counted, durably, before the message is handed out.
///
/// **Cost.** Operations that arrive while a commit is under way share the next. All look-ups are by index; a message costs two small
/// writes more than its body until it is done, and its space is used again.
///
/// All engines of a process that name the same file share one connection and one writer, whose limits are those of the first. Making
/// an engine does no I/O; the first call opens the file, and creates it if its directory exists.
///
/// - Important: The file must be on a disk of this host.
public final class SQLiteQueueEngine: QueueEngine {
    private let membership: StoreMembership
    private let clock: any MonotonicClock
    private let wall: any WallClock

    /// Makes an engine on a file.
    ///
    /// - Parameters:
    ///   - path: The file; it is created on first use, its directory is not. A relative path is taken from the working
    ///     directory of that moment.
    ///   - configuration: The limits of the store, if this engine is the first on its file.
    ///   - wall: What civil times are compared with.
    public convenience init(
        path: String, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(),
        wall: any WallClock = SystemWallClock()
    ) {
        self.init(
            path: path, configuration: configuration, clock: HostClock(), wall: wall, boot: .current, registry: .shared)
    }

    /// - Parameters:
    ///   - clock: What leases and delays are measured by; all engines on a file must have the same.
    ///   - boot: Which boot of which host this is.
    ///   - registry: With whom the engine shares its store; a registry of its own makes it stand for another process.
    package init(
        path: String, configuration: SQLiteStoreConfiguration = SQLiteStoreConfiguration(),
        clock: any MonotonicClock = HostClock(), wall: any WallClock = SystemWallClock(), boot: BootIdentity,
        registry: StoreRegistry
    ) {
        self.clock = clock
        self.wall = wall
        self.membership = StoreMembership(
            path: path, configuration: configuration, wall: wall, boot: boot, registry: registry)
    }

    /// The file as it was named.
    public var path: String { self.membership.path }

    /// `fsync` has returned.
    public var durability: Durability { .synced }

    /// Makes a queue in one durable transaction, or finds that it is there with equal settings.
    @discardableResult
    public func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        try QueueRequests.check(settings, of: queue)
        enum Answer { case made, present(QueueSettings), tooMany }
        let answer = try await self.write { transaction throws(StoreError) -> Answer in
            if let ledger = try QueueLedgers.read(queue, on: transaction.connection) {
                return .present(ledger.settings)
            }
            return try QueueLedgers.insert(queue, settings, on: transaction.connection) ? .made : .tooMany
        }
        switch answer {
        case .made: return true
        case .present(let present):
            try QueueRequests.check(settings, against: present, of: queue)
            return false
        case .tooMany:
            throw QueueError(
                .storageFailed,
                "the store \"\(self.path)\" has had \(QueueSchema.lastQueue) queues, and \"\(queue)\" would be one more; "
                    + "use another file")
        }
    }

    /// Stores messages in their order, up to the first for which there is no room, and returns after `fsync`.
    ///
    /// - Throws: ``QueueError``. After `cancelled` nothing was stored: an operation that has begun is carried through.
    /// - Complexity: At most one `fsync`, shared with the operations that wait at the same time; O(log *n*) per message.
    public func publish(
        _ messages: [OutgoingMessage], to queue: QueueName
    ) async throws(QueueError) -> [PublishOutcome] {
        try QueueRequests.check(messages)
        return try await self.change(queue) { queue throws(StoreError) in try queue.publish(messages) }
    }

    /// Hands out messages whose time has come, each for the time of a lease; their attempts are counted durably before.
    ///
    /// - Complexity: At most one `fsync`, shared with the operations that wait at the same time; none if there is nothing to deliver.
    public func receive(
        _ limit: Int, from queue: QueueName, lease: Duration
    ) async throws(QueueError) -> [Delivery] {
        try QueueRequests.check(batch: limit)
        try QueueRequests.check(lease: lease)
        let leaseEnd = self.clock.now.advanced(by: lease)
        return try await self.change(queue) { queue throws(StoreError) in
            // Not to be guessed, and therefore not of a generator that somebody has handed in.
            var generator = SystemRandomNumberGenerator()
            return try queue.receive(limit, lease: lease, leaseEnd: leaseEnd, nonce: generator.next())
        }
    }

    /// Says how deliveries ended or that they go on, and returns after `fsync`.
    public func settle(
        _ settlements: [Settlement], in queue: QueueName
    ) async throws(QueueError) -> [SettlementOutcome] {
        try QueueRequests.check(settlements)
        return try await self.change(queue) { queue throws(StoreError) in try queue.settle(settlements) }
    }

    /// Takes messages back that are with no consumer, in one durable transaction.
    public func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        try QueueRequests.check(batch: ids.count)
        return try await self.change(queue) { queue throws(StoreError) in try queue.cancel(ids.map(\.rawValue)) }
    }

    /// Waits until there may be something new: a commit of this process or of another, or a time that has come.
    public func waitForChange(
        of queue: QueueName, since seen: Int64, upTo limit: Duration
    ) async throws(QueueError) -> Int64 {
        let deadline = self.clock.now.advanced(by: limit)
        let news = Self.news(of: try self.opened())
        let signal = OneShotSignal()
        // Before the look, so that nothing falls between.
        news.add(signal, to: queue, seen: seen)
        defer { news.remove(signal, from: queue) }
        let (changes, next) = try await self.look(queue)
        if changes != seen || limit <= .zero { return changes }
        do {
            _ = try await signal.wait(until: min(deadline, next), on: self.clock)
        } catch {
            throw QueueError(.cancelled, "the wait for the queue \"\(queue)\" was cancelled", cause: error)
        }
        return try await self.look(queue).changes
    }

    /// Ends the engine: refuses what comes later with `closed`, finishes what is queued, and closes the file unless other
    /// engines of the process use it.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.membership.close()
    }

    /// The store behind the engine, opened for it if nobody has yet.
    package var storeForTesting: Store {
        get throws { try self.membership.store() }
    }
}

extension SQLiteQueueEngine {
    static func news(of store: Store) -> QueueNews {
        store.companion(QueueNews.self) { QueueNews(store: store) }
    }

    func opened() throws(QueueError) -> Store {
        do throws(StoreError) {
            return try self.membership.store()
        } catch {
            throw QueueError(error)
        }
    }

    private func look(
        _ queue: QueueName
    ) async throws(QueueError) -> (changes: Int64, next: MonotonicInstant) {
        let found = try await self.read { connection throws(StoreError) -> (Int64, Int64, Int64)? in
            guard let ledger = try QueueLedgers.read(queue, on: connection) else { return nil }
            let next = try OpenQueue.next(of: ledger.number, on: connection)
            return (ledger.changes, next.instant, next.appointment)
        }
        guard let (changes, instant, appointment) = found else { throw QueueRequests.unknown(queue) }
        var next = MonotonicInstant(nanoseconds: instant)
        if appointment != .max {
            // The civil clock may step, so it is looked at every second.
            let milliseconds = max(0, appointment - self.wall.now.millisecondsSince1970)
            next = min(next, self.clock.now.advanced(by: .milliseconds(min(milliseconds, 1_000))))
        }
        return (changes, next)
    }

    /// Does something to a queue as of now.
    func change<Value: Sendable>(
        _ name: QueueName, _ body: @escaping @Sendable (OpenQueue) throws(StoreError) -> Value
    ) async throws(QueueError) -> Value {
        let news = Self.news(of: try self.opened())
        let value = try await self.write { transaction throws(StoreError) -> Value? in
            guard let queue = try self.open(name, in: transaction, news: news) else { return nil }
            return try body(queue)
        }
        guard let value else { throw QueueRequests.unknown(name) }
        return value
    }

    /// The queue as of now.
    func open(
        _ name: QueueName, in transaction: WriteTransaction, news: QueueNews
    ) throws(StoreError) -> OpenQueue? {
        try OpenQueue(
            name, now: self.clock.now.nanoseconds, civil: self.wall.now.millisecondsSince1970, in: transaction,
            news: news)
    }

    func write<Value: Sendable>(
        _ body: @escaping @Sendable (WriteTransaction) throws(StoreError) -> Value
    ) async throws(QueueError) -> Value {
        let store = try self.opened()
        do throws(StoreError) {
            return try await store.write(.wholeBatch, body)
        } catch {
            throw QueueError(error)
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Connection) throws(StoreError) -> Value
    ) async throws(QueueError) -> Value {
        let store = try self.opened()
        do throws(StoreError) {
            return try await store.read(body)
        } catch {
            throw QueueError(error)
        }
    }
}

extension QueueEngine where Self == SQLiteQueueEngine {
    /// Queues in the SQLite file at `path`, shared with the other processes of this host.
    public static func sqlite(path: String) -> SQLiteQueueEngine {
        SQLiteQueueEngine(path: path)
    }
}
