// The shape of the store
//
// Dynamo's idea without Dynamo's servers: the coordinator is a library in the client, and the replicas are caches that
// know nothing of one another. Whatever a replica would decide in Dynamo is decided here, and put to the server as one
// comparison: of a stamp where the server can, and of a version where it cannot, after a look. So Redis, Memcached, and
// memory will do.
//
// Where this departs from its models, and why:
// - A write never replaces what it has not been merged with (Cassandra sets by time-stamp on the server, and trusts
//   it).
// - The stamp of a write is above whatever its quorum holds, so a slow clock does not make an acknowledged write vanish
//   under an older one (Cassandra's and Riak's last-write-wins does that silently).
// - The events of a writer have names that it can never use again (Riak learned that the hard way; see SiblingWriters).
// - A hint never outlives a tombstone (Scylla issues #21662 and #23712).
// - A read at the strong level waits for its repair only where fewer than W servers hold what it returns.
//
// [1] G. DeCandia et al., Dynamo: Amazon's Highly Available Key-value Store, SOSP 2007.
// [2] A. Lakshman, P. Malik, Cassandra: A Decentralized Structured Storage System, LADIS 2009.

public import ColonyCaches
import ColonyClocks
public import ColonyCore
public import ColonyHashing
import Synchronization

/// A key-value store over several shared caches, each key on *N* of them.
///
/// ```swift
/// let store = try QuorumStore(
///     node: "web-1", placement: try HashRing(nodes: ["a", "b", "c"] as [NodeID]),
///     tiers: ["a": try RedisCacheTier(url: "redis://a:6379"), "b": …, "c": …])
/// let write = try await store.write(Array("42".utf8), to: "answer", at: .strong)
/// let read = try await store.read("answer", at: .strong)
/// ```
///
/// A write is acknowledged when *W* servers hold it, and a read when *R* have answered. With R + W > N and strict
/// quorums a read sees every acknowledged write as long as no more than N − W servers have lost what they held. What a
/// level promises beyond that is in ``ConsistencyLevel``.
///
/// Every call ends within ``QuorumSettings/timeout``; a strong read that has to repair, and a write, within twice that,
/// and a write whose key others write with later clocks within three times that.
///
/// - Important: The servers must keep what they acknowledge: no eviction (`maxmemory-policy noeviction`), and a disk
///   that is synchronised if a restart shall not count as a loss. All processes must use the same placement, N, and way
///   of conflicts, and each a node name of its own.
/// - Complexity: A read is *R* look-ups in one round trip. On servers that compare ranks, such as Redis, a write is *N*
///   comparisons in one round trip, and a strong one asks them for a time before, until *R* have answered, which is one
///   question for all writes that ask together, except on a Redis cluster. On others, and where siblings are kept, it is *N* look-ups and
///   *N* comparisons in two. Requests of concurrent calls to one server go together.
/// - SeeAlso: docs/quorum.md
public final class QuorumStore: Sendable {
    struct Topology: Sendable {
        var current: ServerMap
        /// Where keys are going, while they are.
        var next: ServerMap?

        /// The servers of a key in each map in which an operation needs a quorum.
        func routes(for key: CacheKey) -> [ServerRoute] {
            let current = self.current.route(for: key)
            return self.next.map { [current, $0.route(for: key)] } ?? [current]
        }

        /// All maps in which an operation needs a quorum.
        var maps: [ServerMap] { self.next.map { [self.current, $0] } ?? [self.current] }
    }

    struct State: Sendable {
        var topology: Topology
        var lanes: [NodeID: ServerLane]
        var statistics = QuorumStatistics()
        var repairsUnderWay = 0
        var isClosed = false
    }

    /// Under which key each server that compares ranks keeps the time of its latest write. Nothing can be written to it
    /// through a store, and nothing of it is moved or repaired.
    public static let markKey: CacheKey = "colony:quorum:latest"

    /// The name under which this process writes.
    public let node: NodeID
    /// How it works.
    public let settings: QuorumSettings
    let journal: (any HintJournal)?
    let clock: HybridLogicalClock
    let writers: SiblingWriters
    let retention: TombstoneRetention
    let marks: MarkPolling
    let state: Mutex<State>

    /// Makes a store. No server is asked before the first call.
    ///
    /// - Parameters:
    ///   - node: The name under which this process writes, of at most 190 bytes; no other process may use it at the
    ///     same time.
    ///   - placement: Where keys belong; with zones, replicas are in different ones.
    ///   - tiers: The server of each node of the placement, and perhaps more that will be placed on later. They are not
    ///     closed by the store.
    ///   - journal: Where hints are kept; `nil` for none, and then a server that was away is brought up to date by
    ///     reads and ``reconcile(_:_:rate:)`` only.
    ///   - generator: The chance in the names of writers.
    /// - Throws: ``QuorumError`` with `invalidConfiguration`, which quotes what cannot be.
    public init(
        node: NodeID, placement: any Placement<NodeID>, tiers: [NodeID: any CacheTier],
        settings: QuorumSettings = QuorumSettings(), journal: (any HintJournal)? = nil,
        generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(QuorumError) {
        if let defect = settings.defect(servers: placement.nodes.count) {
            throw QuorumError(.invalidConfiguration, defect)
        }
        guard node.rawValue.utf8.count <= 190 else {
            throw QuorumError(
                .invalidConfiguration, "the node name \(NameRules.quoted(node.rawValue)) has more than 190 bytes")
        }
        self.node = node
        self.settings = settings
        self.journal = journal
        self.clock = HybridLogicalClock(wallClock: settings.wallClock, maximumDrift: settings.maximumDrift)
        let retention = TombstoneRetention(grace: settings.tombstoneGrace, wallClock: settings.wallClock)
        self.retention = retention
        self.marks = MarkPolling(waitingLimit: settings.waitingPerServer)
        self.writers = SiblingWriters(
            node: node, capacity: 10_000, siblings: settings.maximumSiblings, retention: retention,
            generator: generator)
        var lanes: [NodeID: ServerLane] = [:]
        for (server, tier) in tiers { lanes[server] = ServerLane(server, tier, settings) }
        let map = try ServerMap(
            placement, lanes: lanes, replicas: settings.replicas, isSloppy: settings.membership == .sloppy)
        self.state = Mutex(State(topology: Topology(current: map), lanes: lanes))
    }

    /// What was done beside answering.
    public var statistics: QuorumStatistics { self.state.withLock(\.statistics) }

    /// The servers that keep a key, the best first.
    public func servers(for key: CacheKey) -> [NodeID] {
        self.state.withLock(\.topology).current.homes(of: key).map(\.server)
    }

    /// Refuses all later calls. What is under way ends by itself; the tiers and the journal stay open.
    public func close() {
        self.state.withLock { $0.isClosed = true }
    }

    // MARK: Shared by reads and writes

    func deadline() -> MonotonicInstant { self.settings.clock.now.advanced(by: self.settings.timeout) }

    func topology() throws(QuorumError) -> Topology {
        let (topology, isClosed) = self.state.withLock { ($0.topology, $0.isClosed) }
        if isClosed { throw QuorumError(.closed, "the store was closed") }
        return topology
    }

    func check(_ key: CacheKey, _ level: ConsistencyLevel) throws(QuorumError) {
        if key == Self.markKey {
            throw QuorumError(
                .invalidRequest,
                "the key \(NameRules.quoted(key.rawValue)) is where servers keep the time of their latest write")
        }
        if case .strong = level, let shortfall = self.settings.shortfallOfStrong {
            throw QuorumError(.invalidRequest, "the level strong is not possible with these settings: \(shortfall)")
        }
    }

    func count(_ change: (inout QuorumStatistics) -> Void) {
        self.state.withLock { change(&$0.statistics) }
    }
}
