#if ZooKeeper
package import ColonyCore
import Synchronization

/// Lets the tasks of one engine work on a node one after the other, in the order in which they came.
///
/// Decisions rest on a version that nobody has written since. Among engines the faster one wins and the others look again;
/// within an engine a queue is cheaper, and nobody is overtaken for ever.
package final class Turns: Sendable {
    /// Who waits, by what is being worked on.
    private let waiting = Mutex<[String: [OneShotSignal]]>([:])

    package init() {}

    /// Waits until it is the caller's turn. Whoever had it without an error calls ``end(_:)``.
    ///
    /// - Returns: `false` if it was not before `deadline`.
    /// - Throws: `CancellationError`.
    package func begin(_ path: String, until deadline: MonotonicInstant, on clock: any MonotonicClock) async throws
        -> Bool
    {
        let signal = self.waiting.withLock { waiting -> OneShotSignal? in
            guard waiting[path] != nil else {
                waiting[path] = []
                return nil
            }
            let signal = OneShotSignal()
            waiting[path]?.append(signal)
            return signal
        }
        guard let signal else { return true }
        do {
            if try await signal.wait(until: deadline, on: clock) { return true }
        } catch {
            self.leave(path, signal)
            throw error
        }
        self.leave(path, signal)
        return false
    }

    package func end(_ path: String) {
        let next = self.waiting.withLock { waiting -> OneShotSignal? in
            guard var queue = waiting[path] else { return nil }
            let next = queue.isEmpty ? nil : queue.removeFirst()
            waiting[path] = next == nil ? nil : queue
            return next
        }
        next?.fire()
    }

    /// How many wait.
    package func waiters(of path: String) -> Int { self.waiting.withLock { $0[path]?.count ?? 0 } }

    /// Gives up a place; a turn that came meanwhile goes on to the next.
    private func leave(_ path: String, _ signal: OneShotSignal) {
        let wasWaiting = self.waiting.withLock { waiting -> Bool in
            guard let index = waiting[path]?.firstIndex(where: { $0 === signal }) else { return false }
            waiting[path]?.remove(at: index)
            return true
        }
        if !wasWaiting { self.end(path) }
    }
}
#endif
