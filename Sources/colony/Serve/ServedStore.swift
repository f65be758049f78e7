import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonyQueues
import ColonySQLite
import ColonyServer

/// The engines that the daemon serves: leases, ranges, and queues of one store.
struct ServedStore {
    let engine: any LeaseEngine
    let segments: any SegmentEngine
    let queues: any QueueAdministration
    let place: StorePlace

    /// Makes the engine and asks it once, so that a store that cannot be opened is told before anything listens.
    init(_ configuration: DaemonConfiguration) async throws {
        if let url = configuration.store {
            guard ["sqlite", "memory"].contains(url.scheme) else {
                throw Failure(
                    "invalid_request", "the daemon cannot serve \(url); sqlite:FILE and memory: can be served.",
                    exitCode: .usage)
            }
            self.place = .url(url)
        } else if let directory = configuration.dataDirectory {
            self.place = .file(DataDirectory(path: directory))
        } else {
            self.place = .file(try DataDirectory.ofThisUser())
        }
        self.engine = try self.place.makeEngine()
        if let store = self.engine as? SQLiteLeaseEngine {
            self.segments = SQLiteSegmentEngine(path: store.path)
            self.queues = SQLiteQueueEngine(path: store.path)
        } else {
            self.segments = MemorySegmentEngine()
            self.queues = MemoryQueueEngine()
        }
        _ = try await self.engine.inspect("colony")
    }

    /// Closes the store after the last request.
    func close() async {
        if let queues = self.queues as? SQLiteQueueEngine { await queues.close() }
        if let segments = self.segments as? SQLiteSegmentEngine { await segments.close() }
        if let engine = self.engine as? SQLiteLeaseEngine { await engine.close() }
    }
}
