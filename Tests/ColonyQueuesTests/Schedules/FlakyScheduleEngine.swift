import ColonyCore
import ColonyMemory
import ColonyQueues
import Synchronization

/// Schedules in memory behind a network that loses requests, or their answers.
final class FlakyScheduleEngine: ScheduleEngine {
    enum Fault { case requestLost, answerLost }

    let store: MemoryQueueEngine
    private let faults = Mutex<[Fault]>([])
    private let code = Mutex(QueueError.Code.unavailable)

    init(_ store: MemoryQueueEngine) {
        self.store = store
    }

    /// Has the next calls about schedules fail like this.
    func fail(_ faults: [Fault], with code: QueueError.Code = .unavailable) {
        self.faults.withLock { $0 = faults }
        self.code.withLock { $0 = code }
    }

    var remainingFaults: Int { self.faults.withLock { $0.count } }

    private func disturbed<Value: Sendable>(
        _ body: () async throws(QueueError) -> Value
    ) async throws(QueueError) -> Value {
        let fault = self.faults.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if fault == .requestLost { throw QueueError(self.code.withLock { $0 }, "the request was lost") }
        let value = try await body()
        if fault == .answerLost { throw QueueError(self.code.withLock { $0 }, "the answer was lost") }
        return value
    }

    func put(_ schedule: Schedule, next: WallTime?) async throws(QueueError) -> Bool {
        try await self.store.put(schedule, next: next)
    }

    func removeSchedule(_ name: ScheduleName) async throws(QueueError) -> Bool {
        try await self.store.removeSchedule(name)
    }

    func schedule(named name: ScheduleName) async throws(QueueError) -> ScheduleRecord? {
        try await self.store.schedule(named: name)
    }

    func schedules(after name: ScheduleName?, limit: Int) async throws(QueueError) -> [ScheduleRecord] {
        try await self.disturbed { () async throws(QueueError) in
            try await self.store.schedules(after: name, limit: limit)
        }
    }

    func scheduleChanges() async throws(QueueError) -> Int64 {
        try await self.disturbed { () async throws(QueueError) in try await self.store.scheduleChanges() }
    }

    func take(
        _ tick: WallTime, of schedule: ScheduleName, publishing ticks: [WallTime], next: WallTime?
    ) async throws(QueueError) -> TickOutcome {
        try await self.disturbed { () async throws(QueueError) in
            try await self.store.take(tick, of: schedule, publishing: ticks, next: next)
        }
    }

    // MARK: Queues

    var durability: Durability { self.store.durability }

    func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        try await self.store.declare(queue, settings)
    }

    func publish(_ messages: [OutgoingMessage], to queue: QueueName) async throws(QueueError) -> [PublishOutcome] {
        try await self.store.publish(messages, to: queue)
    }

    func receive(_ limit: Int, from queue: QueueName, lease: Duration) async throws(QueueError) -> [Delivery] {
        try await self.store.receive(limit, from: queue, lease: lease)
    }

    func settle(_ settlements: [Settlement], in queue: QueueName) async throws(QueueError) -> [SettlementOutcome] {
        try await self.store.settle(settlements, in: queue)
    }

    func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        try await self.store.cancel(ids, in: queue)
    }

    func waitForChange(of queue: QueueName, since seen: Int64, upTo limit: Duration) async throws(QueueError) -> Int64 {
        try await self.store.waitForChange(of: queue, since: seen, upTo: limit)
    }
}
