public import ColonyCore

/// Ends an operation that takes too long: cancels it, and waits until it has ended.
///
/// A timeout that leaves its work behind frees the caller and hides the load: the work goes on, holds connections, and is counted
/// nowhere. This one is structured. When its time is up the operation is cancelled, and ``execute(_:)`` throws when it has ended, so a
/// ``Bulkhead`` around it still counts what runs, and nothing outlives the call. An operation that does not listen to cancellation
/// therefore holds its caller; give it a limit of its own, such as the time-out of a socket.
///
/// The operation sees the limit as ``Deadline/current``, so what it calls can spare itself work that nobody would wait for, and the
/// limit is never later than a deadline that was there before.
///
/// An operation that does not suspend costs no timer. It then runs to its end on the thread of its caller, and its value counts even
/// if that took longer than allowed, as a value that is there is better than none.
public struct Timeout: ResilienceLayer {
    /// How long an operation may take; greater than zero.
    public let limit: Duration
    /// What errors call this layer.
    public let name: String

    @usableFromInline let clock: any MonotonicClock

    /// Makes a timeout.
    ///
    /// - Parameter limit: Greater than zero.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the limit.
    public init(
        _ limit: Duration, name: String = "timeout", clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        guard limit > .zero else {
            throw ResilienceError(
                .invalidConfiguration, "a timeout of \(limit) is not possible: it must be greater than zero")
        }
        self.limit = limit
        self.name = name
        self.clock = clock
    }

    /// Runs an operation, and cancels it when its time is up.
    ///
    /// - Throws: ``ResilienceError`` with code `deadlineExceeded`; ``ResilienceError/isNotStarted`` says whether the operation was
    ///   certainly not started, and its cause is what the operation threw after it was cancelled. Whatever else the operation throws passes through.
    /// - Complexity: Five allocations: the task of the operation with its first block of memory, two closures, and the mark of who was
    ///   first. A timer in addition if the operation suspends.
    public func execute<Value: Sendable>(
        _ operation: @Sendable () async throws -> Value
    ) async throws -> Value {
        // The task of the work starts without the cancellation of this one, so it must not start at all.
        try Task.checkCancellation()
        let now = self.clock.now
        let deadline = Deadline(Deadline.earlier(of: now.advanced(by: self.limit)))
        guard deadline.instant > now else {
            throw ResilienceError(
                .deadlineExceeded, "\(self.name): the deadline had passed before the operation was started",
                isNotStarted: true)
        }
        return try await withoutActuallyEscaping(operation) { operation in
            // Runs here and now until it suspends for the first time.
            let work = TimedWork.start(deadline, operation)
            guard !work.flag.hasEnded else { return try await work.task.value }
            return try await self.wait(for: work, until: deadline)
        }
    }

    /// Waits for work that is under way.
    private func wait<Value: Sendable>(
        for work: TimedWork<Value>, until deadline: Deadline
    ) async throws -> Value {
        let (task, flag, clock) = (work.task, work.flag, self.clock)
        // It inherits nothing: neither the caller's cancellation, which must not end the timer, nor its executor, which may be busy.
        let timer = Task.detached {
            do {
                try await clock.sleep(until: deadline.instant, tolerance: nil)
            } catch {
                return
            }
            if flag.expire() { task.cancel() }
        }
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        timer.cancel()
        guard flag.hasExpired, case .failure(let error) = result else { return try result.get() }
        // A timeout inside has seen the same deadline, and knows better what was done.
        if let error = error as? ResilienceError, error.code == .deadlineExceeded { throw error }
        // The caller gave up as well, and knows it.
        if error is CancellationError, Task.isCancelled { throw error }
        throw ResilienceError(
            .deadlineExceeded,
            "\(self.name): the operation was cancelled after \(self.limit) or at an earlier deadline",
            cause: error)
    }
}
