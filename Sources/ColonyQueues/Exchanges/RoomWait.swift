import ColonyCore

/// The wait of a publisher whose message goes to several queues, of which one or the other has no room.
struct RoomWait {
    private let deadline: MonotonicInstant
    private let clock: any MonotonicClock
    /// The queue that is waited for, and which count of its changes was seen before asking the last time.
    private var seen: (queue: QueueName, changes: Int64)?

    init(until deadline: MonotonicInstant, on clock: any MonotonicClock) {
        self.deadline = deadline
        self.clock = clock
    }

    /// Waits for news of the queue that has no room, if that is meant to help and there is time.
    ///
    /// Changes are counted before asking once more, so that room that comes in between is not missed: the first call for a queue
    /// returns at once.
    mutating func mayTryAgain(
        _ queue: QueueName, _ overflow: QueueSettings.Overflow, on engine: any QueueEngine
    ) async throws(QueueError) -> Bool {
        let left = self.clock.now.duration(to: self.deadline)
        guard overflow == .wait, left > .zero else { return false }
        let known = self.seen?.queue == queue ? self.seen?.changes : nil
        do throws(QueueError) {
            let changes = try await engine.waitForChange(
                of: queue, since: known ?? 0, upTo: known == nil ? .zero : left)
            self.seen = (queue, changes)
        } catch {
            // It is gone: the message has one destination less.
            guard error.code == .unknownQueue else { throw error }
        }
        return true
    }
}

extension QueueError {
    /// What a publisher is told whose message found no room.
    static func full(_ queue: QueueName, waited limit: Duration?) -> QueueError {
        let wait = limit.map { " and got none within \($0.text)" } ?? ""
        return QueueError(.full, "the queue \"\(queue)\" has no room\(wait); publish again later")
    }
}
