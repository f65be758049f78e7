import ColonyCoordination
import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonyQueues
import ColonyRedis
import ColonyResilience
import ColonySQLite
import ColonyServer
import ColonyTransactions

/// The engines that the daemon serves: leases, ranges, queues, and limits of one store.
///
/// A coordination server of others has no queues: those then lie in the data directory of the daemon, and so do limits, except with
/// Redis, which has them.
struct ServedStore {
    let engine: any LeaseEngine
    /// Ranges of numbers; `nil` on a server that keeps leases alone, where the daemon then offers no identifiers that need them.
    let segments: (any SegmentEngine)?
    let queues: any QueueAdministration
    let rateLimits: any RateLimitAdministration
    /// Where transactions are written down; `nil` on a store that cannot keep them.
    let journal: (any TransactionAdministration)?
    let place: StorePlace
    /// Where the queues are, if not with the rest.
    let queuePlace: StorePlace?
    private let server: EngineCatalogue.Opened?

    /// Makes the engine and asks it once, so that a store that cannot be opened is told before anything listens.
    init(_ configuration: DaemonConfiguration) async throws {
        if let url = configuration.store {
            guard !["http", "https"].contains(url.scheme) else {
                throw Failure(
                    "invalid_request", "the daemon cannot serve \(url), which is a daemon itself.", exitCode: .usage)
            }
            self.place = try StorePlace(store: url, origin: "the store")
        } else if let directory = configuration.dataDirectory {
            self.place = .file(DataDirectory(path: directory))
        } else {
            self.place = .file(try DataDirectory.ofThisUser())
        }
        self.server = try self.place.openServer()
        self.journal = try self.place.makeJournal()
        if let server = self.server {
            self.engine = server.engine
            self.segments = (server.engine as? any RegistryEngine).map { RegistrySegmentEngine($0) }
            let directory =
                try configuration.dataDirectory.map { DataDirectory(path: $0) } ?? DataDirectory.ofThisUser()
            try directory.create()
            self.queues = SQLiteQueueEngine(path: directory.store)
            self.rateLimits =
                try configuration.store.flatMap { try StorePlace.redisLimits($0) }
                ?? SQLiteRateLimitEngine(path: directory.store)
            self.queuePlace = .file(directory)
            _ = try await self.engine.inspect("colony")
            return
        }
        self.queuePlace = nil
        self.engine = try self.place.makeEngine()
        if let store = self.engine as? SQLiteLeaseEngine {
            self.segments = SQLiteSegmentEngine(path: store.path)
            self.queues = SQLiteQueueEngine(path: store.path)
            self.rateLimits = SQLiteRateLimitEngine(path: store.path)
        } else {
            self.segments = MemorySegmentEngine()
            self.queues = MemoryQueueEngine()
            self.rateLimits = MemoryRateLimitEngine()
        }
        _ = try await self.engine.inspect("colony")
    }

    /// Closes the store after the last request.
    func close() async {
        if let queues = self.queues as? SQLiteQueueEngine { await queues.close() }
        if let limits = self.rateLimits as? SQLiteRateLimitEngine { await limits.close() }
        if let limits = self.rateLimits as? RedisRateLimitEngine { await limits.close() }
        if let segments = self.segments as? SQLiteSegmentEngine { await segments.close() }
        if let journal { await StorePlace.close(journal) }
        if let engine = self.engine as? SQLiteLeaseEngine { await engine.close() }
        await self.server?.close()
    }
}
