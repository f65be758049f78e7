public import ColonyCore
import DequeModule
import Synchronization

/// Where the tasks of one process wait their turn for leases, whatever the engine.
///
/// Those who wait for one name on one engine stand in a queue, first in, first out, and only the first of them talks to the
/// engine. A crowd in one process is therefore one contender in the store: no herd wakes up at each release, and nobody is
/// overtaken by another waiter of the process. Across processes the order is the engine's own: an engine with
/// ``FairLeaseEngine`` serves the processes in turn, others serve whoever asks first.
///
/// A call that does not wait (``acquire(_:owner:for:upTo:on:)`` with a limit of zero) asks the engine once and stands in no
/// queue, like a `tryLock`.
public final class WaitingRoom: Sendable {
    /// The room of this process. Locks that shall keep turns among each other use the same room.
    public static let shared = WaitingRoom()

    /// How engines are asked, here and by the blocks that use this room.
    let calls: EngineCalls
    private let queues = Mutex<[Queue: Deque<Ticket>]>([:])
    /// Those of owners that callers name; owners of locks are kept apart where they are made.
    let ownerAttempts = OwnerAttempts()

    /// - Parameters:
    ///   - clock: What deadlines are counted on; the host's clock outside tests.
    ///   - backoff: How long to wait before an engine that could not be reached is asked again.
    ///   - requestLimit: How long an engine may take to answer one request before it counts as unavailable. Five
    ///     seconds are past every pause of a store that it makes sense to wait for.
    ///   - generator: What the jitter of the back-off is drawn from.
    public init(
        clock: any MonotonicClock = HostClock(), backoff: Backoff = Backoff(), requestLimit: Duration = .seconds(5),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.calls = EngineCalls(clock: clock, backoff: backoff, requestLimit: requestLimit, generator: generator)
    }

    /// Takes `name` for `owner`, waiting in turn up to `limit`.
    ///
    /// An engine that cannot be reached is asked again, with the same owner, until the limit passes; one that hangs counts
    /// as such after the request limit, so a call may last that much longer. Whenever the call throws, what the owner
    /// might hold by then is given back, also when the task was cancelled at any point. It is not if the same owner has asked
    /// for the name again meanwhile: then the later call answers for both.
    ///
    /// If the engine could not be reached to give back either, that request may still reach it: ask with another owner then,
    /// as locks do, or leave the duration of a lease between.
    ///
    /// - Parameters:
    ///   - duration: How long the lease runs without a renewal; from ``LeaseLimits/duration``.
    ///   - limit: The longest wait; zero or less asks once.
    /// - Returns: The lease, or who held the name when the limit passed.
    /// - Throws: ``LeaseError``: `cancelled`, `unavailable` when the limit passed while the engine could not be
    ///   reached, or what the engine refused the request with. Nothing is held.
    /// - Complexity: One round trip if the name is free; O(1) in the number of those who wait.
    public func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration, on engine: any LeaseEngine
    ) async throws(LeaseError) -> Acquisition {
        let attempt = Attempt(
            name: name, owner: owner, duration: duration, engine: engine,
            isImmediate: engine is any ImmediateLeaseEngine)
        let key = OwnerAttempts.Key(lease: attempt.key, owner: owner)
        let number: Int
        do {
            number = try await self.ownerAttempts.begin(key)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(name) was cancelled", cause: error)
        }
        defer { self.ownerAttempts.end(key, number) }
        return try await self.acquire(attempt, upTo: limit) { self.ownerAttempts.beginToGiveBack(key, number) }
    }

    /// - Parameter givesBack: Asked before what the owner might hold is given back; a refusal leaves it.
    func acquire(
        _ attempt: Attempt, upTo limit: Duration, givesBack: () -> Bool = { true }
    ) async throws(LeaseError) -> Acquisition {
        let deadline = self.calls.clock.now.advanced(by: max(.zero, limit))
        do throws(LeaseError) {
            if limit <= .zero || self.isEmpty(attempt.queue) {
                let answer = try await self.ask(attempt, until: deadline)
                if limit <= .zero || answer.lease != nil { return answer }
            }
            let answer = try await self.standInLine(attempt, until: deadline)
            // Whoever goes away leaves no claim that others would have to wait out.
            if answer.lease == nil, attempt.claim != nil, givesBack() { await self.giveBack(attempt) }
            return answer
        } catch {
            // What the engine refused was not done; otherwise the grant may be there without our knowing.
            if error.code == .cancelled || error.code == .unavailable, givesBack() {
                await self.giveBack(attempt)
            }
            throw error
        }
    }

    /// Those who wait for `name` in this process, the longest wait first.
    public func waiters(for name: LeaseName, on engine: any LeaseEngine) -> [LeaseWaiter] {
        self.waiters(at: LeaseKey(engine, name))
    }

    /// Those who wait for permits of `name` in this process, the longest wait first.
    public func waiters(forPermitsOf name: LeaseName, on engine: any PermitEngine) -> [LeaseWaiter] {
        self.waiters(at: LeaseKey(engine, name, .permits))
    }

    /// Those who wait for leases on `engine` in this process, by name, the longest wait first.
    public func waiters(on engine: any LeaseEngine) -> [LeaseName: [LeaseWaiter]] {
        let now = self.calls.clock.now
        let identity = ObjectIdentifier(engine)
        return self.queues.withLock { queues in
            var result: [LeaseName: [LeaseWaiter]] = [:]
            for (queue, tickets) in queues where queue.key.engine == identity && queue.key.kind == .lease {
                result[queue.key.name] = tickets.map { $0.waiter(at: now) }
            }
            return result
        }
    }

    private func waiters(at key: LeaseKey) -> [LeaseWaiter] {
        let now = self.calls.clock.now
        return self.queues.withLock { queues in
            queues.filter { $0.key.key == key }.values.joined()
                .sorted { $0.since < $1.since }
                .map { $0.waiter(at: now) }
        }
    }
}

// MARK: The queue

extension WaitingRoom {
    /// Where tasks stand in line: readers and writers of one name may have lines of their own.
    struct Queue: Hashable {
        let key: LeaseKey
        let lane: Int
    }

    struct Attempt {
        let name: LeaseName
        let owner: OwnerID
        let duration: Duration
        /// Who is asked by those who do not have their turn, who renews, and to whom is given back.
        let engine: any LeaseEngine
        /// Who is asked by the first of the line: the same, unless its requests keep a place in the store. Only one task of a
        /// process may have such a place, or two of them could wait for each other, one here and one there.
        let contender: any LeaseEngine
        /// For how long a refused request of the contender keeps its place in the store unless it is repeated.
        let claim: Duration?
        /// Whether the engine answers within the call, so that no request needs a limit.
        let isImmediate: Bool
        /// Told when what the owner might hold could not be given back for certain: a release may be under way for long.
        var onDoubt: (@Sendable () -> Void)?
        let queue: Queue

        var key: LeaseKey { self.queue.key }

        init(name: LeaseName, owner: OwnerID, duration: Duration, engine: any LeaseEngine, isImmediate: Bool) {
            self.init(
                name: name, owner: owner, duration: duration, engine: engine, contender: engine, claim: nil,
                key: LeaseKey(engine, name), lane: 0, isImmediate: isImmediate)
        }

        init(
            name: LeaseName, owner: OwnerID, duration: Duration, engine: any LeaseEngine, contender: any LeaseEngine,
            claim: Duration?, key: LeaseKey, lane: Int, isImmediate: Bool
        ) {
            self.name = name
            self.owner = owner
            self.duration = duration
            self.engine = engine
            self.contender = contender
            self.claim = claim
            self.isImmediate = isImmediate
            self.queue = Queue(key: key, lane: lane)
        }
    }

    private final class Ticket: Sendable {
        let owner: OwnerID
        let since: MonotonicInstant
        let turn = OneShotSignal()

        init(owner: OwnerID, since: MonotonicInstant) {
            self.owner = owner
            self.since = since
        }

        func waiter(at now: MonotonicInstant) -> LeaseWaiter {
            LeaseWaiter(owner: self.owner, age: self.since.duration(to: now))
        }
    }

    private func isEmpty(_ queue: Queue) -> Bool {
        self.queues.withLock { $0.isEmpty || $0[queue] == nil }
    }

    /// Waits for the turn within this process, then contends at the engine.
    private func standInLine(
        _ attempt: Attempt, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Acquisition {
        let ticket = Ticket(owner: attempt.owner, since: self.calls.clock.now)
        let isFirst = self.queues.withLock { queues in
            queues[attempt.queue, default: []].append(ticket)
            return queues[attempt.queue]?.count == 1
        }
        if isFirst { ticket.turn.fire() }
        defer { self.leave(ticket, attempt.queue) }
        let hasTurn: Bool
        do {
            hasTurn = try await ticket.turn.wait(until: deadline, on: self.calls.clock)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(attempt.name) was cancelled", cause: error)
        }
        guard hasTurn else {
            // The queue did not move in time. One last look says who is in the way.
            return try await self.ask(attempt, until: deadline)
        }
        return try await self.contend(attempt, until: deadline)
    }

    private func leave(_ ticket: Ticket, _ queue: Queue) {
        let next = self.queues.withLock { queues -> Ticket? in
            guard let index = queues[queue]?.firstIndex(where: { $0 === ticket }) else { return nil }
            queues[queue]?.remove(at: index)
            if queues[queue]?.isEmpty == true { queues[queue] = nil }
            return index == 0 ? queues[queue]?.first : nil
        }
        next?.turn.fire()
    }
}

// MARK: At the engine

extension WaitingRoom {
    private func contend(_ attempt: Attempt, until deadline: MonotonicInstant) async throws(LeaseError) -> Acquisition {
        if let fair = attempt.engine as? any FairLeaseEngine {
            return try await self.calls.retrying(until: deadline) { remaining throws(LeaseError) in
                try await self.calls.waiting(upTo: remaining) { () throws(LeaseError) in
                    try await fair.acquire(attempt.name, owner: attempt.owner, for: attempt.duration, upTo: remaining)
                }
            }
        }
        while true {
            let answer = try await self.ask(attempt, at: attempt.contender, until: deadline)
            guard case .held(let holder) = answer else { return answer }
            if self.calls.clock.now >= deadline { return answer }
            _ = try await self.calls.retrying(until: deadline) { remaining throws(LeaseError) in
                // A claim is repeated at every third of it, so that two repetitions may fail before the place is lost.
                let nap = attempt.claim.map { min($0 / 3, remaining) } ?? remaining
                return try await self.calls.waiting(upTo: nap) { () throws(LeaseError) in
                    try await attempt.contender.waitForChange(of: attempt.name, from: holder.token, upTo: nap)
                }
            }
        }
    }

    private func ask(
        _ attempt: Attempt, at contender: (any LeaseEngine)? = nil, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Acquisition {
        let engine: any LeaseEngine = if let contender { contender } else { attempt.engine }
        if attempt.isImmediate {
            return try await engine.tryAcquire(attempt.name, owner: attempt.owner, for: attempt.duration)
        }
        return try await self.calls.retrying(until: deadline) { _ throws(LeaseError) in
            try await self.calls.once { () throws(LeaseError) in
                try await engine.tryAcquire(attempt.name, owner: attempt.owner, for: attempt.duration)
            }
        }
    }

    private func giveBack(_ attempt: Attempt) async {
        do throws(LeaseError) {
            _ = try await self.calls.once(isShielded: true) { () throws(LeaseError) in
                try await attempt.engine.release(attempt.name, owner: attempt.owner, token: nil)
            }
        } catch {
            // What cannot be given back runs out by itself.
            attempt.onDoubt?()
        }
    }
}
