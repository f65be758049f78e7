import Synchronization

/// Something that happens once, and that one task waits for with a deadline.
///
/// Firing before the wait is remembered, so nothing is lost between deciding to wait and waiting.
package final class OneShotSignal: Sendable {
    private enum State {
        case quiet
        case waiting(CheckedContinuation<Void, any Error>)
        case fired
    }

    private let state = Mutex(State.quiet)

    package init() {}

    package var isFired: Bool {
        self.state.withLock { if case .fired = $0 { true } else { false } }
    }

    /// Lets the waiting task go on. Firing again does nothing.
    package func fire() {
        let waiter = self.state.withLock { state -> CheckedContinuation<Void, any Error>? in
            defer { state = .fired }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        waiter?.resume()
    }

    /// Waits for the signal, or until `deadline` on `clock`.
    ///
    /// - Returns: Whether the signal was fired.
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    package func wait(until deadline: MonotonicInstant, on clock: any MonotonicClock) async throws -> Bool {
        if self.isFired { return true }
        if deadline <= clock.now { return false }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await clock.sleep(until: deadline, tolerance: nil) }
            group.addTask { try await self.wait() }
            defer { group.cancelAll() }
            try await group.next()
            return self.isFired
        }
    }

    /// Waits for the signal without a deadline of its own.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    package func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                enum Next { case wait, resume, cancel }
                let next = self.state.withLock { state -> Next in
                    switch state {
                    case .fired:
                        return .resume
                    case .waiting:
                        preconditionFailure("a one-shot signal has one waiter")
                    case .quiet:
                        // A cancellation that came before this point has found nobody to wake, so it is looked up here.
                        if Task.isCancelled { return .cancel }
                        state = .waiting(continuation)
                        return .wait
                    }
                }
                switch next {
                case .wait: break
                case .resume: continuation.resume()
                case .cancel: continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            let waiter = self.state.withLock { state -> CheckedContinuation<Void, any Error>? in
                guard case .waiting(let continuation) = state else { return nil }
                state = .quiet
                return continuation
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
