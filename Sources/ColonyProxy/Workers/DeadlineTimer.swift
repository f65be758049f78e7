import NIOCore

/// Who is told when a deadline has passed.
protocol DeadlineOwner: AnyObject {
    func deadlinePassed(_ timer: DeadlineTimer)
}

/// One timer for all the waits of a connection, of which there is one after the other.
///
/// A request passes through several waits, and most end long before their deadlines. So moving a deadline back is a store; the task that is
/// scheduled on the loop finds out when it runs and goes on waiting. Only a deadline before the scheduled task costs a new one.
///
/// `@unchecked Sendable` because it is used on the event loop of its worker only; the closure that is scheduled runs there.
final class DeadlineTimer: @unchecked Sendable {
    private let worker: ProxyWorker
    /// Strong until ``cancel()``: a weak reference would make every retain of its object slow, on the path of every request.
    private var owner: (any DeadlineOwner)?
    /// In nanoseconds on the worker's clock; `max` if there is none.
    private(set) var deadline = Int64.max
    private var scheduledFor = Int64.max
    private var scheduled: Scheduled<Void>?

    init(worker: ProxyWorker) { self.worker = worker }

    /// Says whose timer it is, and holds on to it until ``cancel()``.
    func start(for owner: any DeadlineOwner) { self.owner = owner }

    /// Sets the one deadline in place of the last one.
    func set(_ deadline: Int64) {
        self.deadline = deadline
        guard deadline < self.scheduledFor, self.owner != nil else { return }
        self.schedule(now: self.worker.now)
    }

    /// There is nothing to wait for. The scheduled task stays and may serve the next deadline.
    func clear() { self.deadline = .max }

    /// The end: nothing is scheduled any more, and the owner is let go.
    func cancel() {
        self.owner = nil
        self.deadline = .max
        self.scheduled?.cancel()
        self.scheduled = nil
        self.scheduledFor = .max
    }

    private func schedule(now: Int64) {
        self.scheduled?.cancel()
        self.scheduledFor = self.deadline
        self.scheduled = self.worker.eventLoop.scheduleTask(in: .nanoseconds(max(0, self.deadline - now))) {
            self.fired()
        }
    }

    private func fired() {
        self.scheduled = nil
        self.scheduledFor = .max
        guard self.deadline != .max else { return }
        let now = self.worker.now
        if now < self.deadline {
            self.schedule(now: now)
            return
        }
        self.deadline = .max
        self.owner?.deadlinePassed(self)
    }
}
