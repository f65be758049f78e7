import ColonyCore
import ColonyQueues
import Synchronization

/// What is declared in the file, as this process has read it last.
///
/// A batch takes it out, and puts it back once it is committed: what a batch has changed that came to nothing is thrown away with it.
final class RoutingCache: Sendable {
    struct Entry: Sendable {
        /// By which connection it was read; a file that was replaced has versions of its own.
        let generation: Int
        var version: Int64
        var exchanges: ExchangeRegistry
        var rules: TopicRules
    }

    private let entry = Mutex<Entry?>(nil)

    func take() -> Entry? {
        self.entry.withLock { entry in
            defer { entry = nil }
            return entry
        }
    }

    func put(_ entry: Entry) { self.entry.withLock { $0 = entry } }
}

/// What is declared in the file, during a batch: read anew only if another process has changed it.
final class RoutingNotes: BatchNotes {
    private let cache: RoutingCache
    private var entry: RoutingCache.Entry
    private var isChanged = false

    private static let selectVersion = SQL("SELECT version FROM routing WHERE id = 1")
    private static let updateVersion = SQL("UPDATE routing SET version = ? WHERE id = 1")

    private init(cache: RoutingCache, entry: RoutingCache.Entry) {
        self.cache = cache
        self.entry = entry
    }

    /// The notes of a batch.
    static func of(_ transaction: WriteTransaction, _ cache: RoutingCache) throws(StoreError) -> RoutingNotes {
        if let notes = transaction.presentNotes(RoutingNotes.self) { return notes }
        let entry = try Self.current(cache.take(), on: transaction.connection)
        return transaction.notes(RoutingNotes.self) { RoutingNotes(cache: cache, entry: entry) }
    }

    private static func current(
        _ cached: RoutingCache.Entry?, on connection: Connection
    ) throws(StoreError) -> RoutingCache.Entry {
        let statement = try connection.prepared(Self.selectVersion)
        defer { statement.reset() }
        guard try statement.step() else { throw ExchangeRows.damaged(connection, "the version of what is declared") }
        let version = statement.integer(0)
        if let cached, cached.generation == connection.generation, cached.version == version { return cached }
        return RoutingCache.Entry(
            generation: connection.generation, version: version,
            exchanges: try ExchangeRows.registry(on: connection), rules: try Self.rules(on: connection))
    }

    private static func rules(on connection: Connection) throws(StoreError) -> TopicRules {
        var rules = TopicRules()
        for shelf in try TopicShelf.all(on: connection)
        where !shelf.isRetired && shelf.rule.number != TopicRules.transit.number {
            rules.insert(shelf.rule)
        }
        return rules
    }

    func write(in transaction: WriteTransaction) throws(StoreError) {
        if self.isChanged {
            self.entry.version += 1
            let statement = try transaction.connection.prepared(Self.updateVersion)
            statement.bind(self.entry.version, at: 1)
            try statement.run()
        }
        let (cache, entry) = (self.cache, self.entry)
        transaction.afterCommit { cache.put(entry) }
    }

    // MARK: Exchanges

    var table: ExchangeTable { self.entry.exchanges.table }

    func check(_ exchange: ExchangeName) throws(QueueError) { try self.entry.exchanges.check(exchange) }

    /// Changes what is declared, and, if that changes anything, the rows.
    func change(
        _ body: (inout ExchangeRegistry) throws(QueueError) -> Bool, rows: () throws(StoreError) -> Void
    ) throws(StoreError) -> Result<Bool, QueueError> {
        let result = Result { () throws(QueueError) in try body(&self.entry.exchanges) }
        if case .success(true) = result {
            self.isChanged = true
            try rows()
        }
        return result
    }

    /// Takes away the bindings of a queue that is deleted.
    func unbindAll(of queue: QueueName, on connection: Connection) throws(StoreError) {
        guard self.entry.exchanges.unbindAll(of: queue) else { return }
        self.isChanged = true
        try ExchangeRows.deleteBindings(of: queue, on: connection)
    }

    // MARK: Retentions

    var rules: TopicRules { self.entry.rules }

    /// Changes which retentions are in force; the rows are those of the log.
    func changeRules(_ body: (inout TopicRules) -> Void) {
        body(&self.entry.rules)
        self.isChanged = true
    }
}
