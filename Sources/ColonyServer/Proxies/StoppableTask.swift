import ColonyCore

/// Work that runs in a task group of somebody else until it is told to stop.
final class StoppableTask: Sendable {
    private let body: @Sendable () async -> Void
    private let signal = OneShotSignal()

    /// - Parameter body: Runs until its task is cancelled.
    init(_ body: @escaping @Sendable () async -> Void) {
        self.body = body
    }

    /// Runs until ``stop()`` or cancellation.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.body() }
            try? await self.signal.wait()
            group.cancelAll()
        }
    }

    /// Repeating it does nothing; stopping before the run lets the run end at once.
    func stop() { self.signal.fire() }
}
