import Synchronization
import Testing

/// A loader whose calls wait until the test answers them.
final class HeldLoader: Sendable {
    struct Failure: Error, Equatable {
        let number: Int
    }

    private struct Call {
        let key: Int
        var continuation: CheckedContinuation<Int?, any Error>?
        var wasCancelled = false
    }

    private let calls = Mutex<[Call]>([])
    private let heedsCancellation: Bool

    init(heedsCancellation: Bool = true) { self.heedsCancellation = heedsCancellation }

    func load(_ key: Int) async throws -> Int? {
        let number = self.calls.withLock { calls in
            calls.append(Call(key: key))
            return calls.count - 1
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isOver = self.calls.withLock { calls in
                    if calls[number].wasCancelled, self.heedsCancellation { return true }
                    calls[number].continuation = continuation
                    return false
                }
                if isOver { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            let continuation = self.calls.withLock { calls -> CheckedContinuation<Int?, any Error>? in
                calls[number].wasCancelled = true
                guard self.heedsCancellation else { return nil }
                defer { calls[number].continuation = nil }
                return calls[number].continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// How many calls have come.
    var count: Int { self.calls.withLock(\.count) }
    var keys: [Int] { self.calls.withLock { $0.map(\.key) } }

    /// Whether a call was cancelled.
    func wasCancelled(_ number: Int) -> Bool { self.calls.withLock { $0[number].wasCancelled } }

    /// Answers a call, which must have come.
    func answer(_ number: Int, _ result: Result<Int?, any Error>) async throws {
        try await eventually { self.calls.withLock { $0.count > number && $0[number].continuation != nil } }
        let continuation = self.calls.withLock { calls -> CheckedContinuation<Int?, any Error>? in
            defer { calls[number].continuation = nil }
            return calls[number].continuation
        }
        try #require(continuation != nil, "call \(number) was answered already")
        continuation?.resume(with: result)
    }
}

/// A condition that did not come true in time.
struct NeverCame: Error {}

/// Waits for a condition, and at most twenty seconds.
func eventually(_ condition: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while try !condition() {
        if ContinuousClock.now > deadline { throw NeverCame() }
        await Task.yield()
    }
}
