import ColonyCore
import ColonyQueues

/// Which queues a relay may publish to: one that fails rests, and holds up no other.
struct OutboxLanes: Sendable {
    private struct Rest {
        var failures: Int
        /// `nil` while it is worked on again: then only its failures in a row count.
        var until: MonotonicInstant?
    }

    private var rests: [QueueName: Rest] = [:]
    /// What was published and is still in the outbox, because it could not be removed. It is removed before anything else of its queue.
    private var sent: [QueueName: [OutboxMessage]] = [:]
    /// When each was last begun, in the order of beginnings.
    private var turns: [QueueName: Int] = [:]
    private var turn = 0

    /// Those that may be worked on now, of those for which messages wait; the ones first that had no turn for the longest time. Others are
    /// forgotten: nothing of theirs is left.
    mutating func due(_ queues: [QueueName], at now: MonotonicInstant) -> [QueueName] {
        let present = Set(queues)
        self.rests = self.rests.filter { present.contains($0.key) }
        self.sent = self.sent.filter { present.contains($0.key) }
        self.turns = self.turns.filter { present.contains($0.key) }
        return queues.filter { queue in self.rests[queue]?.until.map { $0 <= now } ?? true }
            .sorted { self.turns[$0, default: 0] < self.turns[$1, default: 0] }
    }

    /// Notes that a queue is being worked on.
    ///
    /// - Returns: What is to be removed from the outbox before more is read for it.
    mutating func begun(_ queue: QueueName) -> [OutboxMessage] {
        self.turn += 1
        self.turns[queue] = self.turn
        // Its rest is over, also if what is begun now hangs: a moment that has passed is none to wait for.
        self.rests[queue]?.until = nil
        return self.sent[queue] ?? []
    }

    mutating func worked(_ queue: QueueName, unremoved: [OutboxMessage]) {
        self.sent[queue] = unremoved.isEmpty ? nil : unremoved
    }

    /// Has a queue rest that has not failed.
    mutating func rest(_ queue: QueueName, until end: MonotonicInstant) {
        self.rests[queue] = Rest(failures: 0, until: end)
    }

    /// Everything that was asked for went well.
    mutating func recovered(_ queue: QueueName) {
        self.rests[queue] = nil
    }

    /// Has a queue rest.
    ///
    /// - Parameter rest: Given how often it has failed in a row, this time included.
    mutating func failed(_ queue: QueueName, at now: MonotonicInstant, _ rest: (Int) -> Duration) {
        let failures = (self.rests[queue]?.failures ?? 0) + 1
        self.rests[queue] = Rest(failures: failures, until: now.advanced(by: rest(failures)))
    }

    /// When the next rest is over, of those that were not at `now`; `nil` if none rests.
    func nextEnd(after now: MonotonicInstant) -> MonotonicInstant? {
        self.rests.values.compactMap(\.until).filter { $0 > now }.min()
    }
}
