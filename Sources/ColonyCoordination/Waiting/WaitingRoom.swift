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

    private let clock: any MonotonicClock
    private let backoff: Backoff
    private let requestLimit: Duration
    private let generator: Mutex<any RandomNumberGenerator & Sendable>
    private let queues = Mutex<[Key: Deque<Ticket>]>([:])

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
        self.clock = clock
        self.backoff = backoff
        self.requestLimit = requestLimit
        self.generator = Mutex(generator)
    }

    /// Takes `name` for `owner`, waiting in turn up to `limit`.
    ///
    /// An engine that cannot be reached is asked again, with the same owner, until the limit passes; one that hangs counts
    /// as such after the request limit, so a call may last that much longer. Whenever the call throws, what the owner
    /// might hold by then is given back, also when the task was cancelled at any point.
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
        try await self.acquire(
            Attempt(
                name: name, owner: owner, duration: duration, engine: engine,
                isImmediate: engine is any ImmediateLeaseEngine),
            upTo: limit)
    }

    func acquire(_ attempt: Attempt, upTo limit: Duration) async throws(LeaseError) -> Acquisition {
        let deadline = self.clock.now.advanced(by: max(.zero, limit))
        do throws(LeaseError) {
            if limit <= .zero || self.isEmpty(attempt.key) {
                let answer = try await self.ask(attempt, until: deadline)
                if limit <= .zero || answer.lease != nil { return answer }
            }
            return try await self.standInLine(attempt, until: deadline)
        } catch {
            // What the engine refused was not done; otherwise the grant may be there without our knowing.
            if error.code == .cancelled || error.code == .unavailable {
                await self.giveBack(attempt)
            }
            throw error
        }
    }

    /// Those who wait for `name` in this process, the longest wait first.
    public func waiters(for name: LeaseName, on engine: any LeaseEngine) -> [LeaseWaiter] {
        let now = self.clock.now
        return self.queues.withLock { $0[Key(engine, name)]?.map { $0.waiter(at: now) } ?? [] }
    }

    /// Those who wait on `engine` in this process, by name, the longest wait first.
    public func waiters(on engine: any LeaseEngine) -> [LeaseName: [LeaseWaiter]] {
        let now = self.clock.now
        let identity = ObjectIdentifier(engine)
        return self.queues.withLock { queues in
            var result: [LeaseName: [LeaseWaiter]] = [:]
            for (key, queue) in queues where key.engine == identity {
                result[key.name] = queue.map { $0.waiter(at: now) }
            }
            return result
        }
    }
}

// MARK: The queue

extension WaitingRoom {
    fileprivate struct Key: Hashable {
        let engine: ObjectIdentifier
        let name: LeaseName

        init(_ engine: any LeaseEngine, _ name: LeaseName) {
            self.engine = ObjectIdentifier(engine)
            self.name = name
        }
    }

    struct Attempt {
        let name: LeaseName
        let owner: OwnerID
        let duration: Duration
        let engine: any LeaseEngine
        /// Whether the engine answers within the call, so that no request needs a limit.
        let isImmediate: Bool

        fileprivate var key: Key { Key(self.engine, self.name) }
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

    private func isEmpty(_ key: Key) -> Bool {
        self.queues.withLock { $0.isEmpty || $0[key] == nil }
    }

    /// Waits for the turn within this process, then contends at the engine.
    private func standInLine(
        _ attempt: Attempt, until deadline: MonotonicInstant
    ) async throws(LeaseError) -> Acquisition {
        let ticket = Ticket(owner: attempt.owner, since: self.clock.now)
        let isFirst = self.queues.withLock { queues in
            queues[attempt.key, default: []].append(ticket)
            return queues[attempt.key]?.count == 1
        }
        if isFirst { ticket.turn.fire() }
        defer { self.leave(ticket, attempt.key) }
        let hasTurn: Bool
        do {
            hasTurn = try await ticket.turn.wait(until: deadline, on: self.clock)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(attempt.name) was cancelled", cause: error)
        }
        guard hasTurn else {
            // The queue did not move in time. One last look says who is in the way.
            return try await self.ask(attempt, until: deadline)
        }
        return try await self.contend(attempt, until: deadline)
    }

    private func leave(_ ticket: Ticket, _ key: Key) {
        let next = self.queues.withLock { queues -> Ticket? in
            guard let index = queues[key]?.firstIndex(where: { $0 === ticket }) else { return nil }
            queues[key]?.remove(at: index)
            if queues[key]?.isEmpty == true { queues[key] = nil }
            return index == 0 ? queues[key]?.first : nil
        }
        next?.turn.fire()
    }
}

// MARK: At the engine

extension WaitingRoom {
    private func contend(_ attempt: Attempt, until deadline: MonotonicInstant) async throws(LeaseError) -> Acquisition {
        if let fair = attempt.engine as? any FairLeaseEngine {
            return try await self.retrying(until: deadline) { remaining throws(LeaseError) in
                try await BoundedCall.run(upTo: max(.zero, remaining) + self.requestLimit, on: self.clock) {
                    () throws(LeaseError) in
                    try await fair.acquire(attempt.name, owner: attempt.owner, for: attempt.duration, upTo: remaining)
                }
            }
        }
        while true {
            let answer = try await self.ask(attempt, until: deadline)
            guard case .held(let holder) = answer else { return answer }
            if self.clock.now >= deadline { return answer }
            _ = try await self.retrying(until: deadline) { remaining throws(LeaseError) in
                try await BoundedCall.run(upTo: max(.zero, remaining) + self.requestLimit, on: self.clock) {
                    () throws(LeaseError) in
                    try await attempt.engine.waitForChange(of: attempt.name, from: holder.token, upTo: remaining)
                }
            }
        }
    }

    private func ask(_ attempt: Attempt, until deadline: MonotonicInstant) async throws(LeaseError) -> Acquisition {
        if attempt.isImmediate {
            return try await attempt.engine.tryAcquire(attempt.name, owner: attempt.owner, for: attempt.duration)
        }
        return try await self.retrying(until: deadline) { _ throws(LeaseError) in
            try await BoundedCall.run(upTo: self.requestLimit, on: self.clock) { () throws(LeaseError) in
                try await attempt.engine.tryAcquire(attempt.name, owner: attempt.owner, for: attempt.duration)
            }
        }
    }

    /// Repeats what the engine could not be reached for, with growing pauses, until the deadline.
    private func retrying<Answer>(
        until deadline: MonotonicInstant, _ operation: (_ remaining: Duration) async throws(LeaseError) -> Answer
    ) async throws(LeaseError) -> Answer {
        var failures = 0
        while true {
            do throws(LeaseError) {
                return try await operation(self.clock.now.duration(to: deadline))
            } catch {
                guard error.code == .unavailable else { throw error }
                failures += 1
                let pause = self.generator.withLock { self.backoff.delay(after: failures, using: &$0) }
                let resumption = self.clock.now.advanced(by: pause)
                guard resumption < deadline else { throw error }
                do {
                    try await self.clock.sleep(until: resumption, tolerance: nil)
                } catch let cancellation {
                    throw LeaseError(.cancelled, "the wait for the engine was cancelled", cause: cancellation)
                }
            }
        }
    }

    private func giveBack(_ attempt: Attempt) async {
        // What cannot be given back runs out by itself.
        _ = try? await BoundedCall.run(upTo: self.requestLimit, on: self.clock, isShielded: true) {
            () throws(LeaseError) in
            try await attempt.engine.release(attempt.name, owner: attempt.owner, token: nil)
        }
    }
}
