import ColonyCore
import ColonyRESP
import Synchronization

/// Some commands that were sent one after the other, and their answers.
///
/// Made by a caller, answered on the event loop of a connection. It ends once: by the last answer, by a failure, by its
/// deadline, or by the cancellation of the caller. Answers that come later are counted, so that the ones behind them find
/// their own call, and dropped.
final class RedisCall: Sendable {
    private struct State {
        var first: RESPValue?
        var rest: [RESPValue] = []
        var received = 0
        var failure: RedisFailure?
        var isFinished = false
        var waiter: UnsafeContinuation<Void, Never>?
    }

    /// How many answers are due.
    let expected: Int
    let deadline: MonotonicInstant
    private let state = Mutex(State())
    /// Called once, when the call has ended; for calls that nobody awaits.
    private let completion: (@Sendable (RedisCall) -> Void)?

    init(expected: Int, deadline: MonotonicInstant, completion: (@Sendable (RedisCall) -> Void)? = nil) {
        self.expected = expected
        self.deadline = deadline
        self.completion = completion
    }

    /// Takes an answer.
    ///
    /// - Returns: Whether it was the last that is due.
    func receive(_ value: RESPValue) -> Bool {
        let (isLast, hasEnded, waiter) = self.state.withLock { state in
            state.received += 1
            let isLast = state.received == self.expected
            if state.isFinished { return (isLast, false, nil as UnsafeContinuation<Void, Never>?) }
            if state.first == nil { state.first = value } else { state.rest.append(value) }
            guard isLast else { return (false, false, nil) }
            state.isFinished = true
            let waiter = state.waiter
            state.waiter = nil
            return (true, true, waiter)
        }
        waiter?.resume()
        if hasEnded { self.completion?(self) }
        return isLast
    }

    /// Ends the call without its answers, unless it has ended.
    ///
    /// - Returns: Whether this ended it.
    @discardableResult
    func fail(_ failure: RedisFailure) -> Bool {
        let (hasEnded, waiter) = self.state.withLock { state in
            if state.isFinished { return (false, nil as UnsafeContinuation<Void, Never>?) }
            state.isFinished = true
            state.failure = failure
            let waiter = state.waiter
            state.waiter = nil
            return (true, waiter)
        }
        waiter?.resume()
        if hasEnded { self.completion?(self) }
        return hasEnded
    }

    /// How many answers have come.
    var received: Int { self.state.withLock(\.received) }

    var isFinished: Bool { self.state.withLock(\.isFinished) }

    /// Waits until the call has ended.
    func wait() async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let isFinished = self.state.withLock { state in
                    if !state.isFinished { state.waiter = continuation }
                    return state.isFinished
                }
                if isFinished { continuation.resume() }
            }
        } onCancel: {
            self.fail(RedisFailure(.cancelled, "the calling task was cancelled", wasSent: true))
        }
    }

    /// The only answer of a call that has ended.
    func single() throws(RedisFailure) -> RESPValue {
        let (failure, value) = self.state.withLock { ($0.failure, $0.first) }
        if let failure { throw failure }
        guard let value else { preconditionFailure("the answer of a call was read before it had ended") }
        return value
    }

    /// All answers of a call that has ended, in the order of its commands.
    func answers() throws(RedisFailure) -> [RESPValue] {
        let (failure, first, rest) = self.state.withLock { ($0.failure, $0.first, $0.rest) }
        if let failure { throw failure }
        return (first.map { [$0] } ?? []) + rest
    }
}
