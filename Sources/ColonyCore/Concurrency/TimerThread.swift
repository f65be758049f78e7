/// The thread that wakes those who sleep on ``HostClock``.
///
/// It starts with the first sleeper and lives as long as the process. A sleeper's continuation is resumed from here and
/// then runs on the executor of its own task, so that nothing of a caller ever runs on this thread.
final class TimerThread: Sendable {
    static let shared = TimerThread()

    private typealias Sleeper = CheckedContinuation<Void, any Error>
    private typealias Sleepers = DeadlineHeap<Sleeper>

    private struct State {
        var sleepers = Sleepers()
        var isStarted = false
        /// The end of the thread's present nap. Who sleeps longer than that need not wake it.
        var napEnd = MonotonicInstant(nanoseconds: .min)
    }

    private let condition = ThreadCondition(State())
    private let clock = HostClock()

    /// The condition sleeps on a clock that stands still while the host is suspended. Looking at the real one at least
    /// this often bounds how late a timer is noticed after the host wakes up.
    private static let longestNap: Duration = .seconds(1)

    func sleep(until deadline: MonotonicInstant) async throws {
        try Task.checkCancellation()
        if deadline <= self.clock.now { return }
        let ticket = Ticket()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                self.enter(continuation, until: deadline, ticket: ticket)
            }
        } onCancel: {
            let sleeper = self.condition.withLock { state -> Sleeper? in
                guard let entry = ticket.cancel(), state.sleepers.remove(entry) else { return nil }
                return entry.value
            }
            sleeper?.resume(throwing: CancellationError())
        }
    }

    /// Links a sleep with its cancellation, which may come before the sleep is entered.
    ///
    /// - Note: `@unchecked Sendable` because both members are used only under the lock of `condition`.
    private final class Ticket: @unchecked Sendable {
        private var entry: Sleepers.Entry?
        private(set) var isCancelled = false

        func admit(_ entry: Sleepers.Entry) { self.entry = entry }

        func cancel() -> Sleepers.Entry? {
            self.isCancelled = true
            return self.entry
        }
    }

    private func enter(_ continuation: Sleeper, until deadline: MonotonicInstant, ticket: Ticket) {
        enum Outcome { case cancelled, queued(mustWake: Bool, mustStart: Bool) }
        let outcome = self.condition.withLock { state -> Outcome in
            if ticket.isCancelled { return .cancelled }
            let mustWake = deadline < state.napEnd
            ticket.admit(state.sleepers.insert(continuation, at: deadline))
            let mustStart = !state.isStarted
            state.isStarted = true
            return .queued(mustWake: mustWake, mustStart: mustStart)
        }
        switch outcome {
        case .cancelled:
            continuation.resume(throwing: CancellationError())
        case .queued(_, mustStart: true):
            startThread(named: "colony-timer") { self.run() }
        case .queued(let mustWake, _):
            if mustWake { self.condition.signal() }
        }
    }

    private func run() {
        var naps = 0
        while true {
            let due: [Sleeper] = self.condition.waitLoop { state in
                let now = self.clock.now
                var due: [Sleeper] = []
                while let entry = state.sleepers.popDue(at: now) {
                    due.append(entry.value)
                }
                if !due.isEmpty { return .done(due) }
                // Sleepers that come and go leave the heap empty most of the time. One more nap after the last of them
                // keeps the next one from having to wake this thread; then it sleeps for good.
                naps = state.sleepers.isEmpty ? naps + 1 : 0
                if naps > 1 {
                    naps = 0
                    state.napEnd = MonotonicInstant(nanoseconds: .max)
                    return .wait(atMost: nil)
                }
                let nap = state.sleepers.earliest.map { min(now.duration(to: $0), Self.longestNap) } ?? Self.longestNap
                state.napEnd = now.advanced(by: nap)
                return .wait(atMost: nap)
            }
            for sleeper in due {
                sleeper.resume()
            }
        }
    }
}
