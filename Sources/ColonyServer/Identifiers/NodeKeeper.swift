import ColonyCore
import ColonyIdentifiers
import Synchronization

/// The daemon's member of its namespace of Snowflake identifiers, which takes a worker number when the first identifier is
/// asked for and keeps it until the daemon drains.
///
/// A daemon that nobody asks for such identifiers takes no number and writes nothing. What does not pass by waiting, such
/// as a namespace that was begun with another layout, ends the node; the next request makes another attempt.
final class NodeKeeper: Sendable {
    /// How the node stands, for operators.
    enum Phase: String, CaseIterable, Sendable {
        /// Nobody has asked yet.
        case idle
        /// The node has no number yet, or has lost it.
        case obtaining
        /// Identifiers are issued.
        case issuing
        /// The last attempt ended for good; the failure says why.
        case failed
        /// The daemon is shutting down.
        case stopped
    }

    struct Status: Sendable {
        var phase: Phase
        var worker: Int?
        var isLeased = false
        var reservedThrough: WallTime?
        var failure: IdentifierError?
    }

    private struct State {
        var node: SnowflakeNode?
        var run: Task<Void, Never>?
        var failure: IdentifierError?
        var isDraining = false
        /// Requests that wait for the node, to be ended with it.
        var waits: [UInt64: Task<Result<[SnowflakeID], IdentifierError>, Never>] = [:]
        var lastWait: UInt64 = 0
    }

    private let engine: any LeaseEngine
    private let moments: any SegmentEngine
    private let settings: DaemonConfiguration.Identifiers
    private let drainLimit: Duration
    private let clock: any MonotonicClock
    private let wallClock: any WallClock
    private let state = Mutex(State())

    init(
        engine: any LeaseEngine, moments: any SegmentEngine, settings: DaemonConfiguration.Identifiers,
        drain: Duration, clock: any MonotonicClock, wallClock: any WallClock
    ) {
        self.engine = engine
        self.moments = moments
        self.settings = settings
        self.drainLimit = drain
        self.clock = clock
        self.wallClock = wallClock
    }

    var status: Status {
        let (node, failure, isDraining) = self.state.withLock { ($0.node, $0.failure, $0.isDraining) }
        if isDraining { return Status(phase: .stopped) }
        guard let node else { return Status(phase: failure == nil ? .idle : .failed, failure: failure) }
        let known = node.status
        return Status(
            phase: node.isIssuing ? .issuing : .obtaining, worker: known.worker, isLeased: known.isLeased,
            reservedThrough: known.reservedThrough, failure: known.failure)
    }

    // MARK: Issuing

    /// New identifiers, after a wait for a worker number or a tick where one is needed.
    func issue(_ count: Int, waitingUpTo limit: Duration) async throws(Problem) -> [SnowflakeID] {
        let node = try self.obtainNode()
        var ids: [SnowflakeID] = []
        ids.reserveCapacity(count)
        if node.isIssuing {
            // What can be had at once takes no task.
            while ids.count < count, let id = (try? node.tryNext()) ?? nil { ids.append(id) }
            if ids.count == count { return ids }
        }
        let missing = count - ids.count
        let task = Task<Result<[SnowflakeID], IdentifierError>, Never> {
            do throws(IdentifierError) {
                return .success(try await node.next(missing, waitingUpTo: limit))
            } catch {
                return .failure(error)
            }
        }
        let wait = self.enter(task, of: node)
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        let (failure, isDraining) = self.state.withLock { state in
            if let wait { state.waits[wait] = nil }
            return (state.node === node ? nil : state.failure, state.isDraining)
        }
        switch result {
        case .success(let more): return ids + more
        case .failure(let error):
            if isDraining { throw .draining }
            // A node that ended knows better than the wait that ended with it, and what keeps a node from a number says
            // more than that it has none.
            throw Problem(failure ?? error.cause as? IdentifierError ?? error)
        }
    }

    /// Lists a wait; one for a node that has ended meanwhile ends at once.
    private func enter(
        _ task: Task<Result<[SnowflakeID], IdentifierError>, Never>, of node: SnowflakeNode
    ) -> UInt64? {
        let number = self.state.withLock { state -> UInt64? in
            guard state.node === node, !state.isDraining else { return nil }
            state.lastWait += 1
            state.waits[state.lastWait] = task
            return state.lastWait
        }
        if number == nil { task.cancel() }
        return number
    }

    // MARK: The node's life

    /// The node that runs, or a new one.
    private func obtainNode() throws(Problem) -> SnowflakeNode {
        let result = self.state.withLock { state -> Result<SnowflakeNode, Problem> in
            if state.isDraining { return .failure(.draining) }
            if let node = state.node { return .success(node) }
            do throws(IdentifierError) {
                let node = try self.makeNode()
                state.node = node
                state.failure = nil
                state.run = Task { await self.run(node) }
                return .success(node)
            } catch {
                state.failure = error
                return .failure(Problem(error))
            }
        }
        return try result.get()
    }

    private func makeNode() throws(IdentifierError) -> SnowflakeNode {
        // A call that does not end must not keep the daemon from its own end.
        let callLimit = min(.seconds(5), max(.milliseconds(10), self.drainLimit))
        return try SnowflakeNode(
            namespace: self.settings.namespace, layout: self.settings.layout, datacenter: self.settings.datacenter,
            workers: self.settings.worker.map { .fixed($0) } ?? .leased(from: self.engine), moments: self.moments,
            configuration: SnowflakeNodeConfiguration(callLimit: callLimit), wallClock: self.wallClock,
            clock: self.clock)
    }

    private func run(_ node: SnowflakeNode) async {
        var failure: IdentifierError?
        do throws(IdentifierError) {
            try await node.run()
        } catch {
            failure = error
        }
        let waits = self.state.withLock { state in
            state.node = nil
            state.failure = failure
            defer { state.waits = [:] }
            return Array(state.waits.values)
        }
        for wait in waits { wait.cancel() }
    }

    /// Ends the waits, lets no new one begin, and begins to give the worker number back.
    func drain() {
        let (run, waits) = self.state.withLock { state in
            state.isDraining = true
            return (state.run, Array(state.waits.values))
        }
        run?.cancel()
        for wait in waits { wait.cancel() }
    }

    /// Returns when the worker number is given back, or when that has taken too long; the lease then runs out.
    func close() async {
        self.drain()
        await self.state.withLock { $0.run }?.value
    }
}
