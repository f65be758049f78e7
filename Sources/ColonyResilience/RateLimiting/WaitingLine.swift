import ColonyCore
import Synchronization

/// Those who wait in this process for the same thing, in the order in which they came; the first may act.
final class WaitingLine: Sendable {
    private let capacity: Int
    private let places = Mutex<[OneShotSignal]>([])

    init(capacity: Int) {
        self.capacity = capacity
    }

    /// Whether nobody waits.
    var isEmpty: Bool { self.places.withLock { $0.isEmpty } }

    /// Takes a place at the end. The one who acts stands in the line as well.
    func enter() -> OneShotSignal? {
        self.places.withLock { places in
            guard places.count < self.capacity else { return nil }
            let place = OneShotSignal()
            if places.isEmpty { place.fire() }
            places.append(place)
            return place
        }
    }

    /// Leaves the line, from wherever one stands.
    func leave(_ place: OneShotSignal) {
        let first = self.places.withLock { places -> OneShotSignal? in
            places.removeAll { $0 === place }
            return places.first
        }
        first?.fire()
    }

    /// - Returns: Whether the place became the first in time.
    func waitToBeFirst(
        _ place: OneShotSignal, until end: MonotonicInstant, on clock: any MonotonicClock
    ) async throws(ResilienceError) -> Bool {
        do {
            return try await place.wait(until: end, on: clock)
        } catch {
            throw ResilienceError(.cancelled, "the wait for permits was cancelled", cause: error)
        }
    }

    /// When a wait ends that begins now: after `limit`, or at the deadline of the task.
    static func end(
        of limit: Duration?, from now: MonotonicInstant, name: String
    ) throws(ResilienceError) -> MonotonicInstant {
        if Task.isCancelled { throw ResilienceError(.cancelled, "\(name): the task was cancelled before it asked") }
        if let deadline = Deadline.current, deadline.instant <= now {
            throw ResilienceError(
                .deadlineExceeded, "\(name): the deadline had passed before a permit was asked for",
                isNotStarted: true)
        }
        let longest = min(max(.zero, limit ?? RateLimitRule.longestFill), RateLimitRule.longestFill)
        return Deadline.earlier(of: now.advanced(by: longest))
    }
}
