import ColonyCore
import ColonyResilience
import Synchronization

/// An engine whose requests stand still while it is told to hold them, until each is let go.
final class HeldRateLimitEngine: RateLimitEngine {
    private struct State {
        var isHolding = false
        var held: [OneShotSignal] = []
    }

    private let base: any RateLimitEngine
    private let state = Mutex(State())

    init(_ base: any RateLimitEngine) { self.base = base }

    /// Holds requests that come from now on, or lets later ones pass.
    func hold(_ isHolding: Bool) { self.state.withLock { $0.isHolding = isHolding } }

    /// How many have been held so far.
    var count: Int { self.state.withLock { $0.held.count } }

    /// Lets one go, by its place among all that have been held.
    func release(_ index: Int) { self.state.withLock { $0.held[index] }.fire() }

    var guarantee: Guarantee { self.base.guarantee }

    func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        let signal = self.state.withLock { state -> OneShotSignal? in
            guard state.isHolding else { return nil }
            let signal = OneShotSignal()
            state.held.append(signal)
            return signal
        }
        do {
            try await signal?.wait()
        } catch {
            throw ResilienceError(.cancelled, "the request was cancelled", cause: error)
        }
        return try await self.base.take(requests)
    }

    func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool { try await self.base.reset(name) }
}
