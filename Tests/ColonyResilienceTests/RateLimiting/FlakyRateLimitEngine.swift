import ColonyCore
import ColonyResilience
import Synchronization

/// An engine that can be cut off, and that counts how often it was asked.
final class FlakyRateLimitEngine: RateLimitEngine {
    enum Fault: Sendable {
        case none, requestLost, answerLost
    }

    private struct State {
        var fault = Fault.none
        var calls = 0
    }

    private let base: any RateLimitEngine
    private let state = Mutex(State())

    init(_ base: any RateLimitEngine) { self.base = base }

    func suffer(_ fault: Fault) { self.state.withLock { $0.fault = fault } }

    /// How often it was asked.
    var calls: Int { self.state.withLock { $0.calls } }

    var guarantee: Guarantee { self.base.guarantee }

    func take(_ requests: [RateLimitRequest]) async throws(ResilienceError) -> [RateLimitDecision] {
        let fault = self.state.withLock { state in
            state.calls += 1
            return state.fault
        }
        if fault == .requestLost { throw ResilienceError(.unavailable, "cut off") }
        let decisions = try await self.base.take(requests)
        if fault == .answerLost { throw ResilienceError(.unavailable, "the answer was lost") }
        return decisions
    }

    func reset(_ name: RateLimitName) async throws(ResilienceError) -> Bool { try await self.base.reset(name) }
}

/// What was granted and when, and whether that is within a bound in every window.
struct GrantLog {
    private var grants: [(time: Int64, permits: Int)] = []

    mutating func add(_ permits: Int, at time: MonotonicInstant) { self.grants.append((time.nanoseconds, permits)) }

    var total: Int { self.grants.reduce(0) { $0 + $1.permits } }

    /// The first window in which more was granted than the rule and an overshoot allow.
    func defect(_ rule: RateLimitRule, overshoot: Int) -> String? {
        let allowance = rule.tolerance + Int64(overshoot) * rule.interval
        for (index, first) in self.grants.enumerated() {
            var permits = 0
            for later in self.grants[index...] {
                permits += later.permits
                let span = later.time - first.time
                if Int64(permits) * rule.interval > allowance + span { return "\(permits) within \(span) ns" }
            }
        }
        return nil
    }
}
