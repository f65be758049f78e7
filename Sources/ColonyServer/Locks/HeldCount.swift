import ColonyCore
import Synchronization

/// How many locks are held, for metrics: counted in the store, and not more often than the count is worth.
///
/// Counting costs time in proportion to the number of locks. A count is shown again until ten times as long has passed
/// as it took, so scrapers take up a tenth of one core at the most however often they come.
final class HeldCount: Sendable {
    private struct State {
        var value: Int?
        var validUntil: MonotonicInstant?
        var isCounting = false
    }

    private let clock: any MonotonicClock
    private let state = Mutex(State())

    init(clock: any MonotonicClock) {
        self.clock = clock
    }

    /// The count, or `nil` if the engine cannot tell or did not answer.
    func value(of engine: (any LeaseAdministration)?) async -> Int? {
        guard let engine else { return nil }
        let start = self.clock.now
        let (known, mustCount) = self.state.withLock { state -> (Int?, Bool) in
            if state.isCounting || state.validUntil.map({ start < $0 }) ?? false { return (state.value, false) }
            state.isCounting = true
            return (state.value, true)
        }
        guard mustCount else { return known }
        let count = try? await engine.heldCount()
        let now = self.clock.now
        self.state.withLock { state in
            state.isCounting = false
            state.value = count
            state.validUntil = now.advanced(by: start.duration(to: now) * 10)
        }
        return count
    }
}
