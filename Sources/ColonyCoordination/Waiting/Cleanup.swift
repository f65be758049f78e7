import ColonyCore

/// Work that must be done also when the task it belongs to has been cancelled.
enum Cleanup {
    /// How long a caller waits for a clean-up before it goes on and leaves the rest to the expiry of the lease.
    static let defaultLimit: Duration = .seconds(2)

    /// Runs `body` out of reach of the caller's cancellation, and waits for it up to `limit`.
    ///
    /// A store that hangs must not hang its caller for ever. When the limit passes, `body` is cancelled and the call
    /// returns without it; what it was to give back then runs out by itself.
    static func run(
        upTo limit: Duration, on clock: any MonotonicClock, _ body: @escaping @Sendable () async -> Void
    ) async {
        let deadline = clock.now.advanced(by: limit)
        let finished = OneShotSignal()
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        // A new task inherits neither cancellation nor the executor, and the second must not be lost.
        let work = Task(executorPreference: executor) {
            await body()
            finished.fire()
        }
        let watch = Task(executorPreference: executor) {
            let isFinished = (try? await finished.wait(until: deadline, on: clock)) ?? false
            if !isFinished { work.cancel() }
        }
        await watch.value
    }
}
