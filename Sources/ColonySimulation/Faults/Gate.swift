import Synchronization

/// A gate at which tasks wait until it is opened for all of them.
final class Gate: Sendable {
    private typealias Waiter = CheckedContinuation<Void, any Error>

    private struct State {
        var waiters: [(number: UInt64, continuation: Waiter)] = []
        var nextNumber: UInt64 = 0
        var cancelledEarly: Set<UInt64> = []
    }

    private let state = Mutex(State())

    var waiterCount: Int {
        self.state.withLock { $0.waiters.count }
    }

    /// Lets through those who wait now. Who comes later waits for the next opening.
    func open() {
        let waiters = self.state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        waiters.forEach { $0.continuation.resume() }
    }

    /// - Throws: `CancellationError` as soon as the task is cancelled.
    func pass() async throws {
        let number = self.state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        // A cancellation that comes after the gate was opened leaves its note, which nobody else would take away.
        defer { self.state.withLock { _ = $0.cancelledEarly.remove(number) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = self.state.withLock { state in
                    if state.cancelledEarly.remove(number) != nil { return true }
                    state.waiters.append((number, continuation))
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let waiter = self.state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.number == number }) else {
                    state.cancelledEarly.insert(number)
                    return nil
                }
                return state.waiters.remove(at: index).continuation
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
