public import ColonyCore
import Synchronization

/// Renews the leases that this process holds, and tells their holders when one is lost.
///
/// All leases of a process share one keeper. It works on a thread of its own, and its timers fire on another: callers that
/// keep every thread of Swift's global pool busy cannot starve it. Leases of one engine that are due together are renewed in
/// one batch if the engine is a ``BatchLeaseEngine``.
///
/// The keeper sleeps while no lease needs it. Taking or giving back a lock costs it one entry in a heap and no wake-up.
public final class LeaseKeeper: Sendable {
    /// The keeper of this process.
    public static let shared = LeaseKeeper()

    struct State {
        var held = DeadlineHeap<HeldLock>()
        /// What to fire to make the loop look at the heap before its present nap is over.
        var alarm: OneShotSignal?
        /// The end of that nap.
        var napEnd: MonotonicInstant = .init(nanoseconds: .max)
        var isRunning = false
    }

    let clock: any MonotonicClock
    let executor: any TaskExecutor
    let state = Mutex(State())

    /// - Parameters:
    ///   - clock: What leases are watched on: the clock of the engines whose leases are kept.
    ///   - executor: Where the keeper works; a thread of its own unless a simulation says otherwise.
    public init(clock: any MonotonicClock = HostClock(), executor: (any TaskExecutor)? = nil) {
        self.clock = clock
        self.executor = executor ?? DedicatedExecutor(named: "colony-keeper")
    }

    /// How many leases are kept now.
    public var count: Int { self.state.withLock { $0.held.count } }

    // MARK: Entering and leaving

    func keep(_ held: HeldLock) {
        let mustStart = self.state.withLock { state -> Bool in
            self.reschedule(held, in: &state)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if mustStart { self.start() }
    }

    /// What is left to do after a lock was given back.
    struct Farewell {
        /// Whether the holder could still believe in its lease.
        let wasValid: Bool
        /// Whether no other acquisition of the same owner holds on to the lock.
        let isLast: Bool
        /// Who waits for the loss of the lock, which now cannot happen any more.
        let signals: [OneShotSignal]
    }

    /// Counts one acquisition of a lock less, and ends its keeping with the last: from there on no renewal is sent.
    ///
    /// - Returns: `nil` if it was given back before.
    func dismiss(_ held: HeldLock, at now: MonotonicInstant) -> Farewell? {
        self.state.withLock { state in
            guard !held.record.isReleased else { return nil }
            let wasValid = held.record.keeping.isValid(at: now)
            held.record.holds -= 1
            if held.record.holds > 0 { return Farewell(wasValid: wasValid, isLast: false, signals: []) }
            held.record.isReleased = true
            if let entry = held.record.entry { state.held.remove(entry) }
            held.record.entry = nil
            let signals = held.record.lossSignals
            held.record.lossSignals = []
            held.record.lossActions = []
            return Farewell(wasValid: wasValid, isLast: true, signals: signals)
        }
    }

    /// Puts the lock at its next deadline, and cuts the present nap short if that comes earlier.
    private func reschedule(_ held: HeldLock, in state: inout State) {
        if let entry = held.record.entry { state.held.remove(entry) }
        held.record.entry = nil
        guard !held.record.isReleased, let deadline = held.record.keeping.nextDeadline else { return }
        held.record.entry = state.held.insert(held, at: deadline)
        if deadline < state.napEnd { state.alarm?.fire() }
    }
}

// MARK: The loop

extension LeaseKeeper {
    private struct Work {
        var renewals: [(held: HeldLock, lease: Lease)] = []
        var lost: [(held: HeldLock, reason: LockLossReason)] = []
    }

    private func start() {
        Task(executorPreference: self.executor) { await self.run() }
    }

    private func run() async {
        while true {
            let now = self.clock.now
            let alarm = OneShotSignal()
            let (work, napEnd) = self.state.withLock { state -> (Work, MonotonicInstant?) in
                let work = self.collect(at: now, in: &state)
                let next = state.held.earliest
                state.alarm = next == nil ? nil : alarm
                state.napEnd = next ?? .init(nanoseconds: .max)
                if next == nil { state.isRunning = false }
                return (work, next)
            }
            for (held, reason) in work.lost { held.surrender(reason) }
            self.dispatch(work.renewals)
            guard let napEnd else { return }
            // Nobody cancels this task, so the wait cannot throw.
            _ = try? await alarm.wait(until: napEnd, on: self.clock)
        }
    }

    private func collect(at now: MonotonicInstant, in state: inout State) -> Work {
        var work = Work()
        while let entry = state.held.popDue(at: now) {
            let held = entry.value
            held.record.entry = nil
            switch held.record.keeping.directive(at: now) {
            case .wait:
                self.reschedule(held, in: &state)
            case .renew(let lease):
                work.renewals.append((held, lease))
                self.reschedule(held, in: &state)
            case .surrender(let reason):
                work.lost.append((held, reason))
            }
        }
        return work
    }

    /// Sends renewals, each engine's in batches, each batch in a task of its own: a store that hangs holds up nobody else.
    private func dispatch(_ renewals: [(held: HeldLock, lease: Lease)]) {
        if renewals.isEmpty { return }
        let byEngine = Dictionary(grouping: renewals) { ObjectIdentifier($0.held.engine) }
        for group in byEngine.values {
            guard let engine = group[0].held.engine as? any BatchLeaseEngine, group.count > 1 else {
                for (held, lease) in group {
                    Task(executorPreference: self.executor) { await self.renew(held, lease) }
                }
                continue
            }
            for start in stride(from: 0, to: group.count, by: LeaseLimits.batch) {
                let batch = Array(group[start..<min(start + LeaseLimits.batch, group.count)])
                Task(executorPreference: self.executor) { await self.renew(batch, on: engine) }
            }
        }
    }

    private func renew(_ held: HeldLock, _ lease: Lease) async {
        let sentAt = self.clock.now
        do throws(LeaseError) {
            // Once the lease is over, an answer is of no use any more.
            let answer = try await BoundedCall.run(upTo: lease.duration, on: self.clock) { () throws(LeaseError) in
                try await held.engine.renew(lease, for: lease.duration)
            }
            self.settle(held, answer, sentAt: sentAt)
        } catch {
            self.fail(held, lease, error)
        }
    }

    private func renew(_ batch: [(held: HeldLock, lease: Lease)], on engine: any BatchLeaseEngine) async {
        let sentAt = self.clock.now
        do throws(LeaseError) {
            let leases = batch.map(\.lease)
            let longest = leases.reduce(Duration.zero) { max($0, $1.duration) }
            let answers = try await BoundedCall.run(upTo: longest, on: self.clock) { () throws(LeaseError) in
                try await engine.renew(leases)
            }
            for ((held, _), answer) in zip(batch, answers) { self.settle(held, answer, sentAt: sentAt) }
        } catch {
            for (held, lease) in batch { self.fail(held, lease, error) }
        }
    }

    private func settle(_ held: HeldLock, _ answer: Lease?, sentAt: MonotonicInstant) {
        self.conclude(held, event: answer.map { .renewed($0) }) { keeping in
            keeping.renewed(answer, sentAt: sentAt)
        }
    }

    private func fail(_ held: HeldLock, _ lease: Lease, _ error: LeaseError) {
        let now = self.clock.now
        self.conclude(held, event: .renewalFailed(lease, error)) { keeping in
            keeping.failed(at: now)
            return nil
        }
    }

    /// Applies the outcome of a renewal, unless the lock was given back or lost in the meantime.
    private func conclude(
        _ held: HeldLock, event: LockEvent?, _ apply: (inout LeaseKeeping) -> LockLossReason?
    ) {
        let (isKept, lossReason) = self.state.withLock { state -> (Bool, LockLossReason?) in
            // A lock that was given back or lost has no place in the heap any more.
            guard held.record.entry != nil else { return (false, nil) }
            let lossReason = apply(&held.record.keeping)
            self.reschedule(held, in: &state)
            return (true, lossReason)
        }
        if let event, isKept { held.configuration.onEvent?(event) }
        if let lossReason { held.surrender(lossReason) }
    }
}
