public import ColonyCore
import Synchronization

/// A member of a namespace of Snowflake identifiers: it keeps a worker number and issues for it.
///
/// ```swift
/// let node = try SnowflakeNode(
///     namespace: "orders", workers: .leased(from: .sqlite(path: "colony.db")), moments: .sqlite(path: "colony.db"))
/// try await withThrowingTaskGroup(of: Void.self) { group in
///     group.addTask { try await node.run() }
///     let id = try await node.next(waitingUpTo: .seconds(5))
/// }
/// ```
///
/// A Snowflake identifier is unique if no two nodes use the same worker number in the same moment. Two independent things
/// see to that:
///
/// - **A lease of the number.** It is renewed after a third of its time, and nothing is issued in its last tenth, whether
///   or not the store answers. A node that was stopped for longer finds the lease over before it begins a new tick.
/// - **A reservation of the moments.** The ticks of the next seconds are taken from a ``SegmentEngine``, which gives no
///   number twice. A restart on an earlier clock, a second holder of the number, a lease that was lost unnoticed: none of
///   them finds a tick that was used before. What a node has not reserved it does not issue.
///
/// The layout is written down with the namespace. A node with another layout or epoch is refused.
///
/// - Important: A wall clock that once stood far ahead leaves its reservation behind: the number issues nothing until the
///   clock comes there again. Other numbers of the namespace are not affected.
public final class SnowflakeNode: Sendable {
    /// What an operator asks of a node.
    public struct Status: Sendable {
        /// The worker number, if the node has one.
        public var worker: Int?
        /// Whether the number is leased, and not merely fixed or remembered.
        public var isLeased: Bool
        /// The last moment that is reserved.
        public var reservedThrough: WallTime?
        /// What failed last, until something succeeds.
        public var failure: IdentifierError?
    }

    /// The namespace that the identifiers are unique in.
    public let namespace: String
    /// The layout of the identifiers.
    public var layout: SnowflakeLayout { self.generator.layout }

    let generator: SnowflakeGenerator
    let plan: WorkerPlan
    let workers: WorkerAssignment
    let moments: any SegmentEngine
    let owner: OwnerID
    let wallClock: any WallClock
    let clock: any MonotonicClock
    let chance: Mutex<any RandomNumberGenerator & Sendable>
    let state = Mutex(Status(isLeased: false))

    /// Makes a node; ``run()`` brings it to life.
    ///
    /// - Parameters:
    ///   - namespace: 1 to 200 bytes without control characters. Identifiers of two namespaces may be equal.
    ///   - datacenter: In ``SnowflakeLayout/datacenters``.
    ///   - workers: Where the worker number comes from.
    ///   - moments: What remembers the moments that were used. It should reach as far as the engine of the leases; see
    ///     ``SnowflakeNodeConfiguration/clockDisagreement``.
    ///   - chance: What the first number to ask for, and the waits after failures, are drawn from.
    /// - Throws: ``IdentifierError`` with `invalidRequest`, `epochNotBegun`, or `epochOver`.
    public init(
        namespace: String, layout: SnowflakeLayout = .classic, datacenter: Int = 0, workers: WorkerAssignment,
        moments: any SegmentEngine, configuration: SnowflakeNodeConfiguration = SnowflakeNodeConfiguration(),
        wallClock: any WallClock = SystemWallClock(), clock: any MonotonicClock = HostClock(),
        chance: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(IdentifierError) {
        guard namespace.utf8.count <= 200 else {
            throw IdentifierError(
                .invalidRequest, "the namespace has \(namespace.utf8.count) bytes, and 200 are the most")
        }
        if let defect = NameRules.defect(in: namespace) {
            throw IdentifierError(
                .invalidRequest, "\(NameRules.quoted(namespace)) cannot be the name of a namespace: \(defect)")
        }
        try configuration.check(for: layout)
        _ = try layout.node(datacenter: datacenter, worker: 0)
        var reachesAll = true
        switch workers.kind {
        case .fixed(let worker):
            _ = try layout.node(datacenter: datacenter, worker: worker)
        case .leased(let engine, let remembered):
            if let remembered { _ = try layout.node(datacenter: datacenter, worker: remembered) }
            reachesAll = moments.guarantee.reach >= engine.guarantee.reach
        }
        try SnowflakeGenerator.checkEnd(
            of: layout, within: configuration.generator.refusedBeforeEnd, at: wallClock.now)
        self.namespace = namespace
        self.plan = WorkerPlan(
            layout: layout, namespace: namespace, datacenter: datacenter, configuration: configuration,
            momentsReachAllHolders: reachesAll)
        self.generator = try SnowflakeGenerator(
            layout: layout, configuration: configuration.generator, wallClock: wallClock, clock: clock)
        self.workers = workers
        self.moments = moments
        self.owner = OwnerID.unique()
        self.wallClock = wallClock
        self.clock = clock
        self.chance = Mutex(chance)
    }

    /// Which number the node has, and how it stands.
    public var status: Status { self.state.withLock { $0 } }

    /// Whether an identifier would be issued now.
    public var isIssuing: Bool { self.generator.isIssuing }
}

// MARK: Issuing

extension SnowflakeNode {
    /// The next identifier, or `nil` while the numbers of the present tick are used up.
    ///
    /// - Throws: ``IdentifierError``; `workerLost` says in its message what keeps the node from issuing.
    /// - Complexity: As ``SnowflakeGenerator/tryNext()``.
    public func tryNext() throws(IdentifierError) -> SnowflakeID? {
        do {
            return try self.generator.tryNext()
        } catch {
            throw self.explained(error)
        }
    }

    /// The next identifier; see ``SnowflakeGenerator/next()``.
    public func next() throws(IdentifierError) -> SnowflakeID {
        do {
            return try self.generator.next()
        } catch {
            throw self.explained(error)
        }
    }

    /// The next identifier, after a wait for a worker number, a tick, or the clock; see
    /// ``SnowflakeGenerator/next(waitingUpTo:)``.
    public func next(waitingUpTo limit: Duration) async throws(IdentifierError) -> SnowflakeID {
        do {
            return try await self.generator.next(waitingUpTo: limit)
        } catch {
            throw self.explained(error)
        }
    }

    /// Exactly `count` identifiers; see ``SnowflakeGenerator/next(_:waitingUpTo:)``.
    public func next(_ count: Int, waitingUpTo limit: Duration) async throws(IdentifierError) -> [SnowflakeID] {
        do {
            return try await self.generator.next(count, waitingUpTo: limit)
        } catch {
            throw self.explained(error)
        }
    }

    /// What stands behind a lost worker, so that the caller reads "disk full" and not only "no lease".
    private func explained(_ error: IdentifierError) -> IdentifierError {
        guard error.code == .workerLost, let failure = self.status.failure else { return error }
        return IdentifierError(.workerLost, "\(error.message): \(failure.message)", cause: failure)
    }
}
