import Synchronization

/// One of those who handle the messages of a consumer, as long as its task lasts.
///
/// When the lease of the message that it handles is lost, it is dismissed: its task is cancelled, it takes no other message, and a new
/// worker follows it. So a handler is told by cancellation, messages need no tasks of their own, and a cancellation that comes late
/// meets nobody else's message.
final class ConsumerWorker: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var isDismissed = false
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// Whether the lease of its message was lost.
    var isDismissed: Bool { self.state.withLock { $0.isDismissed } }

    /// Says who it is, before which nobody can cancel it.
    func works(in task: Task<Void, Never>) {
        let isCancelled = self.state.withLock { state in
            state.task = task
            return state.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    /// Keeps it from taking other messages. ``cancel()`` follows, outside of all locks: what is called by a cancellation may be anything.
    func dismiss() {
        self.state.withLock { $0.isDismissed = true }
    }

    func cancel() {
        let task = self.state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }
}
