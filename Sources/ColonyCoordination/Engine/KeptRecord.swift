import ColonyCore
import Synchronization

/// An ephemeral record that is written, renewed, and written again when it has run out or the store has lost it, until it is
/// ended.
///
/// The work is done on the executor that is given, which is the keeper's: callers that keep every thread of the global pool
/// busy do not let the record run out. The first write takes the key over from whoever has it; later ones do not, so of two
/// that want one key the later wins and the earlier learns of it.
final class KeptRecord: Sendable {
    enum End: Sendable {
        case removed
        /// Somebody else has written a record of the key.
        case replaced(by: OwnerID?)
        /// The engine refuses the record.
        case refused(LeaseError)
    }

    private struct State {
        var value: [UInt8]
        /// Which value is wanted, and which one the engine has confirmed.
        var wanted = 1
        var written = 0
        /// Until when the record is there for certain, counted from before the request that wrote or renewed it.
        var expiry: MonotonicInstant?
        var nextRenewal: MonotonicInstant
        var end: End?
        var alarm = OneShotSignal()
        var waiters: [OneShotSignal] = []
        var task: Task<Void, Never>?
    }

    private enum Step {
        case put([UInt8], version: Int, RegistryCondition)
        case renew
        case nap(until: MonotonicInstant, OneShotSignal)
        case stop
    }

    let key: LeaseName
    let owner: OwnerID
    private let group: LeaseName
    private let duration: Duration
    private let engine: any RegistryEngine
    private let calls: EngineCalls
    private let executor: any TaskExecutor
    private let state: Mutex<State>

    init(
        _ value: [UInt8], for key: LeaseName, in group: LeaseName, owner: OwnerID, duration: Duration,
        on engine: any RegistryEngine, calls: EngineCalls, executor: any TaskExecutor
    ) {
        self.key = key
        self.group = group
        self.owner = owner
        self.duration = duration
        self.engine = engine
        self.calls = calls
        self.executor = executor
        self.state = Mutex(State(value: value, nextRenewal: calls.clock.now))
    }

    /// Begins to keep the record, and waits until it is written for the first time.
    func begin(until deadline: MonotonicInstant) async throws(CoordinationError) {
        let task = Task(executorPreference: self.executor) { await self.run() }
        self.state.withLock { $0.task = task }
        try await self.waitUntilWritten(1, until: deadline)
    }

    /// Whether the record is there for certain at this moment, with its latest value or an earlier one.
    var isAlive: Bool {
        let now = self.calls.clock.now
        return self.state.withLock { state in state.end == nil && state.expiry.map { now < $0 } ?? false }
    }

    var end: End? { self.state.withLock { $0.end } }

    /// Has another value written, and waits until it is. It is written later if this does not wait long enough.
    func write(_ value: [UInt8], until deadline: MonotonicInstant) async throws(CoordinationError) {
        let (version, alarm) = self.state.withLock { state -> (Int, OneShotSignal) in
            state.value = value
            state.wanted += 1
            return (state.wanted, state.alarm)
        }
        alarm.fire()
        try await self.waitUntilWritten(version, until: deadline)
    }

    /// Stops keeping the record and removes it, also when the calling task has been cancelled.
    ///
    /// A write that hangs at the engine may bring it back for one duration.
    func remove() async {
        let (task, alarm) = self.state.withLock { state -> (Task<Void, Never>?, OneShotSignal) in
            if state.end == nil { state.end = .removed }
            return (state.task, state.alarm)
        }
        alarm.fire()
        self.announce()
        // What is under way ends within the limit of a request, and must not write after the removal.
        await task?.value
        let (engine, key, group, owner) = (self.engine, self.key, self.group, self.owner)
        _ = try? await self.calls.once(isShielded: true) { () throws(LeaseError) in
            try await engine.removeRecord(key, from: group, if: .owner(owner))
        }
    }

    /// Waits until the record is kept no longer.
    func waitUntilEnded() async throws -> End {
        while true {
            let (end, signal) = self.state.withLock { state -> (End?, OneShotSignal) in
                let signal = OneShotSignal()
                if state.end == nil { state.waiters.append(signal) }
                return (state.end, signal)
            }
            if let end { return end }
            defer { self.state.withLock { state in state.waiters.removeAll { $0 === signal } } }
            try await signal.wait()
        }
    }

    private func waitUntilWritten(_ version: Int, until deadline: MonotonicInstant) async throws(CoordinationError) {
        while true {
            let signal = OneShotSignal()
            let (end, isWritten) = self.state.withLock { state -> (End?, Bool) in
                state.waiters.append(signal)
                return (state.end, state.written >= version)
            }
            defer { self.state.withLock { state in state.waiters.removeAll { $0 === signal } } }
            if let end { throw Self.error(end, self.key, self.group) }
            if isWritten { return }
            let isNews: Bool
            do {
                isNews = try await signal.wait(until: deadline, on: self.calls.clock)
            } catch {
                throw CoordinationError(.cancelled, "the wait for the record \(self.key) was cancelled", cause: error)
            }
            guard isNews else {
                throw CoordinationError(
                    .unavailable, "the record \(self.key) of \(self.group) could not be written in time")
            }
        }
    }

    private static func error(_ end: End, _ key: LeaseName, _ group: LeaseName) -> CoordinationError {
        switch end {
        case .removed: CoordinationError(.invalidRequest, "the record \(key) of \(group) was removed by its owner")
        case .replaced(let owner):
            CoordinationError(
                .leaseLost, "the record \(key) of \(group) now belongs to \(owner.map(\.rawValue) ?? "nobody")")
        case .refused(let error): CoordinationError(error)
        }
    }
}

// MARK: The loop

extension KeptRecord {
    private func run() async {
        var failures = 0
        while true {
            let now = self.calls.clock.now
            do throws(LeaseError) {
                switch self.step(at: now) {
                case .stop:
                    return
                case .nap(let instant, let alarm):
                    // Nobody cancels this task, so the wait cannot throw.
                    _ = try? await alarm.wait(until: instant, on: self.calls.clock)
                case .put(let value, let version, let condition):
                    try await self.put(value, version: version, condition, sentAt: now)
                    failures = 0
                case .renew:
                    try await self.renew(sentAt: now)
                    failures = 0
                }
            } catch {
                guard error.code == .unavailable else {
                    self.finish(.refused(error))
                    return
                }
                failures += 1
                let pause = min(self.calls.pause(after: failures), self.duration / 10)
                let alarm = self.state.withLock { state -> OneShotSignal in
                    if state.end == nil { state.alarm = OneShotSignal() }
                    return state.alarm
                }
                _ = try? await alarm.wait(until: self.calls.clock.now.advanced(by: pause), on: self.calls.clock)
            }
        }
    }

    private func step(at now: MonotonicInstant) -> Step {
        self.state.withLock { state in
            if state.end != nil { return .stop }
            let isOver = state.expiry.map { $0 <= now } ?? true
            if isOver || state.written < state.wanted {
                let condition = state.written == 0 ? RegistryCondition.always : .owner(self.owner)
                return .put(state.value, version: state.wanted, condition)
            }
            if state.nextRenewal <= now { return .renew }
            state.alarm = OneShotSignal()
            return .nap(until: state.nextRenewal, state.alarm)
        }
    }

    private func put(
        _ value: [UInt8], version: Int, _ condition: RegistryCondition, sentAt: MonotonicInstant
    ) async throws(LeaseError) {
        let write = RegistryWrite(
            value, for: self.key, lifetime: .ephemeral(owner: self.owner, duration: self.duration), if: condition)
        let (engine, group) = (self.engine, self.group)
        switch try await self.calls.once({ () throws(LeaseError) in try await engine.put(write, in: group) }) {
        case .conflict(let other):
            self.finish(.replaced(by: other?.owner))
        case .written:
            self.extend(from: sentAt) { $0.written = max($0.written, version) }
            self.announce()
        }
    }

    private func renew(sentAt: MonotonicInstant) async throws(LeaseError) {
        let (engine, key, group, owner, duration) = (self.engine, self.key, self.group, self.owner, self.duration)
        let isThere = try await self.calls.once { () throws(LeaseError) in
            try await engine.renewRecord(key, in: group, owner: owner, for: duration)
        }
        if isThere {
            self.extend(from: sentAt) { _ in }
        } else {
            // It has run out, the store has lost it, or another has it: writing it again tells which.
            self.state.withLock { $0.expiry = nil }
        }
    }

    private func extend(from sentAt: MonotonicInstant, _ change: (inout State) -> Void) {
        // Records that were written together are not renewed together.
        let pause = self.calls.jittered(self.duration / 3)
        self.state.withLock { state in
            state.expiry = sentAt.advanced(by: self.duration)
            state.nextRenewal = sentAt.advanced(by: pause)
            change(&state)
        }
    }

    private func finish(_ end: End) {
        self.state.withLock { state in
            if state.end == nil { state.end = end }
        }
        self.announce()
    }

    private func announce() {
        let waiters = self.state.withLock { state -> [OneShotSignal] in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.fire() }
    }
}
