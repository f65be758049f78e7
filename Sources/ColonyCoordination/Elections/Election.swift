public import ColonyCore

/// An election of one leader among the processes that use the same engine.
///
/// ```swift
/// let election = Election("scheduler", on: engine)
/// try await election.lead(proclaiming: "http://10.0.0.7:8080") { leadership in
///     try await schedule(fencedBy: leadership.term)
/// }
/// ```
///
/// A leadership is a lease: it is renewed on a thread of its own and ends when the leader dies, resigns, or cannot reach the
/// engine. Each has a *term*, greater than that of every leadership before, which is its fencing token. Three rules keep two
/// leaders from acting at once:
///
/// 1. *The leader stops first.* ``Leadership/isLeader`` is answered by the clock, not by what was last heard, and turns false a
///    margin before the engine can give the lease to anybody else, whatever its calls are doing at the time. At the same
///    moment the body of ``lead(as:proclaiming:backoff:_:)`` and of ``Leadership/whileLeader(_:)`` is cancelled.
/// 2. *A lost term stays lost.* Nothing that is heard later brings it back; whoever wants to lead campaigns anew and gets a
///    greater term.
/// 3. *The resource has the last word.* A leader that is stopped between looking and writing can be kept out only by the check
///    of its term at what it writes to; see <doc:Fencing>.
///
/// On an engine that keeps records (``RegistryEngine``) the leader can say something of itself, such as its address, and observers
/// learn of a new leader at once; on others they look once a second while nobody leads.
///
/// An election is a lock with another face: do not use one name for an election and for a ``DistributedLock``.
///
/// - SeeAlso: <doc:Elections>; M. Burrows, *The Chubby lock service for loosely-coupled distributed systems*, OSDI 2006.
public struct Election: Sendable {
    /// What the candidates contend for.
    public let name: LeaseName
    /// How the lease of the leader behaves.
    public let configuration: LockConfiguration

    let engine: any LeaseEngine
    let keeper: LeaseKeeper
    let room: WaitingRoom

    /// Makes an election on an engine, whatever the engine guarantees.
    ///
    /// - Parameters:
    ///   - name: 1 to 246 bytes of UTF-8 without control characters, of which nine are left for the group of the record.
    ///   - engine: Where the lease is kept. No I/O happens yet.
    ///   - configuration: A dead leader is replaced after its duration.
    ///   - keeper: Who renews; the process's own unless a simulation says otherwise.
    ///   - room: Where to wait in turn; the process's own unless a simulation says otherwise.
    public init(
        _ name: LeaseName, on engine: some LeaseEngine, configuration: LockConfiguration = LockConfiguration(),
        keeper: LeaseKeeper = .shared, room: WaitingRoom = .shared
    ) {
        self.name = name
        self.configuration = configuration
        self.engine = engine
        self.keeper = keeper
        self.room = room
    }

    /// Makes an election on an engine that must give `demand`.
    ///
    /// - Throws: ``CoordinationError`` with code `guaranteeNotMet`, whose message says what is missing.
    public init(
        _ name: LeaseName, on engine: some LeaseEngine, requiring demand: Guarantee,
        configuration: LockConfiguration = LockConfiguration(), keeper: LeaseKeeper = .shared,
        room: WaitingRoom = .shared
    ) throws(CoordinationError) {
        try engine.check(demand, for: "the election \(name)")
        self.init(name, on: engine, configuration: configuration, keeper: keeper, room: room)
    }

    /// Where leaders write what they say of themselves; `nil` on an engine that keeps no records.
    func records() throws(CoordinationError) -> LeaderRecords? {
        guard let registry = self.engine as? any RegistryEngine else { return nil }
        return LeaderRecords(
            engine: registry, group: try LeaderRecord.group(of: self.name), calls: self.room.calls)
    }
}

// MARK: Campaigning

extension Election {
    /// Becomes the leader, waiting up to `limit` for whoever leads now to end.
    ///
    /// - Parameters:
    ///   - limit: The longest wait; ``LockConfiguration/waiting`` if not given; zero asks once.
    ///   - candidate: Who campaigns, as observers see it in ``Leader/name``: at most 200 bytes without control characters. Each
    ///     campaign is an owner of its own in the store all the same, so that what a former one sent late ends none of the
    ///     present.
    ///   - metadata: What observers are told of the leader, such as an address; see ``Leadership/proclaim(_:)``.
    /// - Returns: The leadership, to be resigned; or `nil` if somebody else led until the limit.
    /// - Throws: ``CoordinationError``; `cancelled` as soon as the task is cancelled; `guaranteeNotMet` for `metadata` on an engine
    ///   that keeps no records. Nobody is led then, or for one lease at the most.
    /// - Complexity: One round trip if nobody leads, and two for the record where the engine keeps some.
    public func campaign(
        upTo limit: Duration? = nil, as candidate: String? = nil, proclaiming metadata: String? = nil
    ) async throws(CoordinationError) -> Leadership? {
        let owner = try CandidateName.owner(candidate)
        let records = try self.records()
        if metadata != nil, records == nil { throw Leadership.noRecords(self.name) }
        let taking = LeaseTaking(
            name: self.name, source: .lease(self.engine), isImmediate: self.engine is any ImmediateLeaseEngine,
            configuration: self.configuration, keeper: self.keeper, room: self.room)
        guard let held = try await taking.acquireAnew(waiting: limit, id: owner, owner: nil) else { return nil }
        let leadership = Leadership(held, records: records)
        guard records != nil else { return leadership }
        do throws(CoordinationError) {
            try await leadership.write(metadata)
        } catch {
            // The record of a leader that has nothing to say only makes observers look sooner. Of a remote store it is known
            // only now whether it keeps records.
            let isDispensable = error.code == .unavailable || error.code == .guaranteeNotMet
            if metadata == nil, isDispensable, leadership.isLeader { return leadership }
            _ = try? await leadership.resign()
            throw error
        }
        return leadership
    }

    /// Leads whenever it can, and runs `body` for as long as it does, until `body` ends by itself or the task is cancelled.
    ///
    /// After a loss `body` is cancelled, and the next campaign begins after a jittered pause that grows with each loss and is
    /// short again after a leadership that lasted. An engine that cannot be reached is asked again for ever.
    ///
    /// - Important: `body` may run many times, and never twice at once within this call: a body that ignores its cancellation
    ///   delays the next campaign.
    /// - Parameters:
    ///   - candidate: Who campaigns, as observers see it in ``Leader/name``.
    ///   - metadata: What observers are told of the leader.
    ///   - backoff: How long to wait after a loss. From a second, because a store that loses leases is best left alone.
    ///   - body: The leader's work. It is given the leadership, whose term it should send to what it writes to.
    /// - Returns: What `body` returned, if it led to the end of it. The leadership has been resigned.
    /// - Throws: What `body` throws while it leads; `CancellationError`; ``CoordinationError`` that no later attempt would mend:
    ///   `invalidRequest`, `storageFailed`, `guaranteeNotMet`, or `closed`.
    public func lead<Value: Sendable>(
        as candidate: String? = nil, proclaiming metadata: String? = nil,
        backoff: Backoff = Backoff(initial: .seconds(1), maximum: .seconds(30)),
        _ body: @escaping @Sendable (Leadership) async throws -> Value
    ) async throws -> Value {
        var failures = 0
        while true {
            try Task.checkCancellation()
            let leadership: Leadership?
            do throws(CoordinationError) {
                leadership = try await self.campaign(
                    upTo: Self.campaignSlice, as: candidate, proclaiming: metadata)
            } catch {
                switch error.code {
                case .unavailable, .leaseLost, .timedOut: leadership = nil
                case .cancelled: throw CancellationError()
                default: throw error
                }
                failures += 1
                try await self.pause(after: failures, backoff)
            }
            guard let leadership else { continue }
            let start = self.keeper.clock.now
            let result = await leadership.perform(body)
            let hasLed = leadership.isLeader
            let wasResigned = leadership.isResigned
            _ = try? await leadership.resign()
            // A leader that resigned inside its own body led to the end that it chose.
            if hasLed || wasResigned { return try result.get() }
            failures = start.duration(to: self.keeper.clock.now) > self.configuration.duration * 2 ? 1 : failures + 1
            try await self.pause(after: failures, backoff)
        }
    }

    /// How long one campaign of ``lead(as:proclaiming:backoff:_:)`` waits before the next takes its place, so that a wait that the
    /// engine has silently dropped does not last for ever.
    private static let campaignSlice: Duration = .seconds(60)

    private func pause(after failures: Int, _ backoff: Backoff) async throws {
        try await self.keeper.clock.sleep(for: self.room.calls.pause(after: failures, backoff))
    }
}
