import ColonyCore
import Synchronization

/// How many loads run at once: a counting semaphore whose waiters are served first in, first out.
///
/// A loader may ask the cache for other keys. It holds its place while it waits for them, so loads that others wait for
/// from within a load pass the limit: otherwise as many loaders as there are places could wait for loads that never get
/// one. The limit is exceeded by at most the depth of such calls.
final class LoadLimiter: Sendable {
    private struct Waiter {
        let signal: OneShotSignal
        let work: LoadWork
    }

    private struct State {
        var running = 0
        var waiters: [UInt64: Waiter] = [:]
        /// Waiters have rising numbers; the lowest that still waits is at `head` or behind it.
        var head: UInt64 = 0
        var tail: UInt64 = 0

        mutating func popFirst() -> Waiter? {
            while self.head < self.tail {
                defer { self.head += 1 }
                if let waiter = self.waiters.removeValue(forKey: self.head) { return waiter }
            }
            return nil
        }
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes a place, in turn.
    ///
    /// - Throws: `CancellationError`; no place is held then.
    func acquire(for work: LoadWork) async throws {
        let signal = OneShotSignal()
        let number = self.state.withLock { state -> UInt64? in
            if state.running < self.limit || work.isUrgent {
                state.running += 1
                return nil
            }
            state.waiters[state.tail] = Waiter(signal: signal, work: work)
            state.tail += 1
            return state.tail - 1
        }
        guard let number else { return }
        do {
            try await signal.wait()
        } catch {
            let hadPlace = self.state.withLock { $0.waiters.removeValue(forKey: number) == nil }
            if hadPlace { self.release() }
            throw error
        }
    }

    /// Gives a place to the one who waits longest.
    func release() {
        let next = self.state.withLock { state -> Waiter? in
            state.running -= 1
            guard state.running < self.limit, let next = state.popFirst() else { return nil }
            state.running += 1
            return next
        }
        next?.signal.fire()
    }

    /// Lets a load pass the limit, because another load waits for it.
    ///
    /// - Complexity: O(*n*) in the number of loads that wait.
    func expedite(_ work: LoadWork) {
        work.markUrgent()
        let waiter = self.state.withLock { state -> Waiter? in
            guard let number = state.waiters.first(where: { $0.value.work === work })?.key else { return nil }
            state.running += 1
            return state.waiters.removeValue(forKey: number)
        }
        waiter?.signal.fire()
    }

    /// How many loads run now.
    var running: Int { self.state.withLock(\.running) }
}
