public import ColonyCore
import Synchronization

/// A monotonic clock that stands still until it is told to move.
///
/// Code under test sleeps on it as on ``ColonyCore/HostClock``; the test decides when the time has come. No test has to
/// wait, and no test depends on how busy the machine is:
///
/// ```swift
/// let clock = ManualClock()
/// let task = Task { try await keeper.run(clock: clock) }
/// try await clock.waitForSleepers(1)      // the code has gone to sleep
/// clock.advance(by: .seconds(10))         // and now wakes up
/// ```
///
/// Sleepers are woken in the order of their deadlines, and those with the same deadline in the order in which they went to
/// sleep. That is the order in which their tasks are handed to their executors; on the global pool two tasks may then
/// still overtake each other, on a ``ManualExecutor`` they do not.
public final class ManualClock: MonotonicClock {
    fileprivate struct Sleeper {
        let deadline: MonotonicInstant
        let number: UInt64
        let continuation: CheckedContinuation<Void, any Error>
    }

    /// Somebody who waits until enough code sleeps.
    fileprivate struct Observer {
        let number: UInt64
        let count: Int
        let continuation: CheckedContinuation<Void, any Error>
    }

    fileprivate struct State {
        var now: MonotonicInstant
        /// In the order in which they are woken, the latest first, so that waking takes from the end.
        var sleepers: [Sleeper] = []
        var observers: [Observer] = []
        var nextNumber: UInt64 = 0
        /// Sleeps and waits that were cancelled before they were entered.
        var cancelledEarly: Set<UInt64> = []

        mutating func drawNumber() -> UInt64 {
            self.nextNumber += 1
            return self.nextNumber
        }
    }

    private let state: Mutex<State>

    /// - Parameter now: Where the clock starts. The default leaves code room to look a while back without passing zero.
    public init(now: MonotonicInstant = MonotonicInstant(nanoseconds: 1_000_000_000_000)) {
        self.state = Mutex(State(now: now))
    }

    public var now: MonotonicInstant {
        self.state.withLock { $0.now }
    }

    public var minimumResolution: Duration { .nanoseconds(1) }

    /// How many sleep at this moment.
    public var sleeperCount: Int {
        self.state.withLock { $0.sleepers.count }
    }

    /// When the next sleeper wants to be woken, or `nil` if nobody sleeps.
    public var nextDeadline: MonotonicInstant? {
        self.state.withLock { $0.sleepers.last?.deadline }
    }

    /// Suspends the task until the clock is moved to `deadline` or beyond.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled. Nothing is left behind.
    /// - Complexity: O(*n*) in the number of sleepers.
    public func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        let number = self.state.withLock { $0.drawNumber() }
        // A cancellation that comes after the wake-up leaves its note, which nobody else would take away.
        defer { self.state.withLock { _ = $0.cancelledEarly.remove(number) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                self.enter(Sleeper(deadline: deadline, number: number, continuation: continuation))
            }
        } onCancel: {
            self.cancelSleep(number)
        }
    }

    private func enter(_ sleeper: Sleeper) {
        enum Outcome { case cancelled, due, asleep([Observer]) }
        let outcome = self.state.withLock { state -> Outcome in
            if state.cancelledEarly.remove(sleeper.number) != nil { return .cancelled }
            if sleeper.deadline <= state.now { return .due }
            let index = state.sleepers.partitioningIndex { other in
                (other.deadline, other.number) < (sleeper.deadline, sleeper.number)
            }
            state.sleepers.insert(sleeper, at: index)
            let count = state.sleepers.count
            let satisfied = state.observers.filter { $0.count <= count }
            state.observers.removeAll { $0.count <= count }
            return .asleep(satisfied)
        }
        switch outcome {
        case .cancelled: sleeper.continuation.resume(throwing: CancellationError())
        case .due: sleeper.continuation.resume()
        case .asleep(let observers): observers.forEach { $0.continuation.resume() }
        }
    }

    private func cancelSleep(_ number: UInt64) {
        let sleeper = self.state.withLock { state -> Sleeper? in
            guard let index = state.sleepers.firstIndex(where: { $0.number == number }) else {
                state.cancelledEarly.insert(number)
                return nil
            }
            return state.sleepers.remove(at: index)
        }
        sleeper?.continuation.resume(throwing: CancellationError())
    }
}

// MARK: Moving

extension ManualClock {
    /// Moves the clock forward and wakes those whose time has come.
    ///
    /// It moves in one step: who is woken sees the new time, not its own deadline, as after a real machine was busy.
    /// ``advanceToNextDeadline()`` in a loop stops at each deadline.
    ///
    /// - Parameter duration: Zero or more.
    public func advance(by duration: Duration) {
        precondition(duration >= .zero, "a monotonic clock does not run backwards, not even by \(duration)")
        self.wake { now in now.advanced(by: duration) }
    }

    /// Moves the clock forward to `instant` and wakes those whose time has come.
    ///
    /// - Parameter instant: Now or later. An earlier instant leaves the clock where it is, because another thread may
    ///   have moved it already.
    public func advance(to instant: MonotonicInstant) {
        self.wake { now in max(now, instant) }
    }

    /// Moves the clock to the deadline of the next sleeper and wakes all who sleep until then.
    ///
    /// - Returns: The new time, or `nil` if nobody sleeps; the clock then stands still.
    @discardableResult
    public func advanceToNextDeadline() -> MonotonicInstant? {
        let (deadline, due) = self.state.withLock { state -> (MonotonicInstant?, [Sleeper]) in
            guard let deadline = state.sleepers.last?.deadline else { return (nil, []) }
            return (deadline, state.takeDue(at: deadline))
        }
        due.forEach { $0.continuation.resume() }
        return deadline
    }

    private func wake(_ move: (MonotonicInstant) -> MonotonicInstant) {
        let due = self.state.withLock { state in state.takeDue(at: move(state.now)) }
        due.forEach { $0.continuation.resume() }
    }
}

extension ManualClock.State {
    /// Sets the time and takes out those who are due, the earliest first.
    fileprivate mutating func takeDue(at instant: MonotonicInstant) -> [ManualClock.Sleeper] {
        self.now = instant
        let start = self.sleepers.partitioningIndex { $0.deadline <= instant }
        let due = self.sleepers[start...].reversed()
        self.sleepers.removeSubrange(start...)
        return Array(due)
    }
}

// MARK: Waiting until the code sleeps

extension ManualClock {
    /// Waits until at least `count` sleep on this clock, without polling.
    ///
    /// - Parameters:
    ///   - count: Zero or more.
    ///   - limit: The longest wait in real time. The default is far beyond what a busy machine needs, so that passing it
    ///     means that the code does not sleep.
    /// - Throws: ``NobodySleeps`` when the limit passes first, and `CancellationError` when the task is cancelled.
    public func waitForSleepers(_ count: Int = 1, within limit: Duration = .seconds(30)) async throws {
        if self.sleeperCount >= count { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.observe(count) }
            group.addTask {
                try await HostClock().sleep(for: limit)
                throw NobodySleeps(expected: count, found: self.sleeperCount, limit: limit)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func observe(_ count: Int) async throws {
        let number = self.state.withLock { $0.drawNumber() }
        // A cancellation that comes after the wake-up leaves its note, which nobody else would take away.
        defer { self.state.withLock { _ = $0.cancelledEarly.remove(number) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enum Outcome { case cancelled, satisfied, waiting }
                let outcome = self.state.withLock { state -> Outcome in
                    if state.cancelledEarly.remove(number) != nil { return .cancelled }
                    if state.sleepers.count >= count { return .satisfied }
                    state.observers.append(Observer(number: number, count: count, continuation: continuation))
                    return .waiting
                }
                switch outcome {
                case .cancelled: continuation.resume(throwing: CancellationError())
                case .satisfied: continuation.resume()
                case .waiting: break
                }
            }
        } onCancel: {
            let observer = self.state.withLock { state -> Observer? in
                guard let index = state.observers.firstIndex(where: { $0.number == number }) else {
                    state.cancelledEarly.insert(number)
                    return nil
                }
                return state.observers.remove(at: index)
            }
            observer?.continuation.resume(throwing: CancellationError())
        }
    }
}

/// The code under test did not go to sleep in time.
public struct NobodySleeps: Error, Sendable, CustomStringConvertible {
    /// How many were expected to sleep.
    public let expected: Int
    /// How many slept when the limit passed.
    public let found: Int
    /// The limit, in real time.
    public let limit: Duration

    public var description: String {
        "after \(self.limit.text) of real time \(self.found) sleep on the manual clock, and \(self.expected) were expected"
    }
}

extension Array {
    /// The first index whose element satisfies `predicate`, in an array where all that do stand behind all that do not.
    fileprivate func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        var low = 0
        var high = self.count
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
