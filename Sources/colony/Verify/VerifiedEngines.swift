import ColonyConformance
import ColonyCoordination
import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonyQueues
import ColonyRemote
import ColonyResilience
import ColonyTransactions

/// Makes the clients of a place that is verified.
struct VerifiedEngines: Sendable {
    let place: StorePlace
    /// Memory has no clients but the one object.
    private let leases = MemoryLeaseEngine()
    private let segments = MemorySegmentEngine()
    private let queues = MemoryQueueEngine()
    private let limits = MemoryRateLimitEngine()
    private let journal = MemoryTransactionJournal()
    private let shelf = EngineShelf()

    init(_ place: StorePlace) {
        self.place = place
    }

    private var isMemory: Bool {
        if case .url(let url) = self.place { url.scheme == "memory" } else { false }
    }

    /// Whether the place has queues at all: coordination servers of others have none.
    var haveQueues: Bool {
        if case .url(let url) = self.place { EngineCatalogue.entry(url.scheme) == nil } else { true }
    }

    /// Whether the place has numbers: on a coordination server of others they need a registry.
    func haveSegments(_ leases: any LeaseEngine) -> Bool {
        self.haveQueues || leases is any RegistryEngine
    }

    /// Whether the place has a port that engines of leases may have. Of a daemon only its store tells.
    func offers(_ port: ConformanceReport.Port, _ leases: any LeaseEngine) async -> Bool {
        do throws(LeaseError) {
            switch port {
            case .permits:
                guard let engine = leases as? any PermitEngine else { return false }
                _ = try await engine.inspectPermits("colony")
            case .registry:
                guard let engine = leases as? any RegistryEngine else { return false }
                _ = try await engine.snapshot(of: "colony")
            case .leases, .segments, .queues, .exchanges, .topics, .schedules, .rateLimits, .transactions: break
            }
            return true
        } catch {
            return error.code != .unsupported
        }
    }

    /// Whether the place counts limits. Of a daemon only its store tells.
    func offerLimits() async -> Bool {
        guard self.isMemory || (try? self.place.makeLimitEngine()) != nil else { return false }
        do {
            _ = try await self.makeLimits().limits(withPrefix: "", after: nil, limit: 1)
            return true
        } catch let error as ResilienceError {
            return error.code != .invalidRequest
        } catch {
            return true
        }
    }

    /// Whether the place keeps transactions.
    var haveTransactions: Bool { (try? self.place.makeJournal()) != nil }

    func makeJournal() throws -> any TransactionAdministration {
        if self.isMemory { return self.journal }
        guard let journal = try self.place.makeJournal() else {
            throw Failure("invalid_request", "\(self.place) keeps no transactions.", exitCode: .usage)
        }
        return journal
    }

    /// Whether the queues of the place have a power: of a daemon, whether its clients have.
    func offersQueues(with port: ConformanceReport.Port) async -> Bool {
        guard self.haveQueues, let engine = try? await self.makeQueues() else { return false }
        return switch port {
        case .exchanges: engine is any ExchangeEngine
        case .topics: engine is any TopicEngine
        case .schedules: engine is any ScheduleEngine
        case .queues: true
        case .leases, .segments, .permits, .registry, .rateLimits, .transactions: false
        }
    }

    func makeLimits() throws -> any RateLimitAdministration {
        self.isMemory ? self.limits : try self.place.makeLimitEngine()
    }

    func makeLeases() async throws -> any LeaseEngine {
        switch self.place {
        case .url(let url) where url.scheme == "memory":
            self.leases
        case .url(let url) where url.scheme.hasPrefix("http"):
            self.shelf.keep(try await RemoteLeaseEngine.connect(to: url, token: Environment["COLONY_TOKEN"]))
        default:
            self.shelf.keep(try self.place.makeEngine())
        }
    }

    func makeSegments() async throws -> any SegmentEngine {
        self.isMemory ? self.segments : try self.place.makeSegmentEngine()
    }

    func makeQueues() async throws -> any QueueEngine {
        self.isMemory ? self.queues : try await self.place.makeQueueEngine()
    }
}
