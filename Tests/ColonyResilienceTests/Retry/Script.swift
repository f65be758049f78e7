import ColonyResilience
import Synchronization

/// An operation that ends each time as its script says, and counts how often it ran.
final class Script: Sendable {
    private struct State {
        var outcomes: [(any Error)?]
        var runs = 0
    }

    private let state: Mutex<State>

    /// - Parameter outcomes: The error of each run, or `nil` for a success. After the last one it goes on like that.
    init(_ outcomes: [(any Error)?]) { self.state = Mutex(State(outcomes: outcomes)) }

    var runs: Int { self.state.withLock { $0.runs } }

    /// Gives the number of the run, from 1.
    func run() throws -> Int {
        let (error, number) = self.state.withLock { state in
            state.runs += 1
            return (state.outcomes[min(state.runs, state.outcomes.count) - 1], state.runs)
        }
        if let error { throw error }
        return number
    }
}

/// An error of the caller.
struct Failure: Error, Equatable {
    var number = 0
}

/// An error with advice, such as an HTTP answer with `Retry-After`.
struct Advice: RetryAdvising {
    var retryAfter: Duration?
}

extension ResilienceError {
    static let refused = ResilienceError(.bulkheadFull, "full")
    static let lost = ResilienceError(.unavailable, "lost")
}

extension RetryClassification {
    /// Every error of the caller is one of a call that was not done.
    static let allNotDone = RetryClassification { error in error is Failure || error is Advice ? .notDone : nil }
}
