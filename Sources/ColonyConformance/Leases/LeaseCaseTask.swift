import ColonyCore
import Synchronization

/// A task of a conformance case. Unlike the value of a `Task`, its outcome can be waited for with a limit, even if the
/// engine under test never answers and ignores cancellation.
public final class LeaseCaseTask<Value: Sendable>: Sendable {
    private struct State {
        var outcome: Result<Value, any Error>?
        var task: Task<Void, Never>?
    }

    private let state = Mutex(State())
    private let ended = OneShotSignal()

    init(_ operation: @escaping @Sendable () async throws -> Value) {
        let task = Task {
            let outcome: Result<Value, any Error>
            do {
                outcome = .success(try await operation())
            } catch {
                outcome = .failure(error)
            }
            self.state.withLock { $0.outcome = outcome }
            self.ended.fire()
        }
        self.state.withLock { $0.task = task }
    }

    /// How the task ended, or `nil` if it has not.
    public var outcome: Result<Value, any Error>? {
        self.state.withLock { $0.outcome }
    }

    /// Cancels the task; it may take its time to end.
    public func cancel() {
        self.state.withLock { $0.task }?.cancel()
    }

    func outcome(within limit: Duration) async -> Result<Value, any Error>? {
        let clock = HostClock()
        _ = try? await self.ended.wait(until: clock.now.advanced(by: limit), on: clock)
        return self.outcome
    }
}
