public import ColonyCore
public import ColonyQueues
import Synchronization

extension MemoryQueueEngine: ScheduleEngine {
    /// Makes or replaces a schedule.
    @discardableResult
    public func put(_ schedule: Schedule, next: WallTime?) async throws(QueueError) -> Bool {
        enum Answer { case changed, same, unknownQueue, tooMany, taken(WallTime, WallTime) }
        let answer = self.state.withLock { state -> Answer in
            if state.queues[schedule.queue] == nil { return .unknownQueue }
            let present = state.schedules[schedule.name]
            if let present {
                if present.schedule == schedule { return .same }
                if let next, let taken = present.lastTaken, !present.canGoOn(at: next) { return .taken(taken, next) }
            } else if state.schedules.count >= MessageLimits.schedules {
                return .tooMany
            }
            state.schedules[schedule.name] = ScheduleRecord(
                schedule: schedule, next: next, lastTaken: present?.lastTaken, taken: present?.taken ?? 0)
            state.scheduleChanges += 1
            return .changed
        }
        switch answer {
        case .changed: return true
        case .same: return false
        case .unknownQueue: throw QueueRequests.unknown(schedule.queue)
        case .tooMany: throw ScheduleRequests.tooMany(schedule.name)
        case .taken(let tick, let next): throw ScheduleRequests.taken(schedule.name, tick, next: next)
        }
    }

    /// Removes a schedule.
    @discardableResult
    public func removeSchedule(_ name: ScheduleName) async throws(QueueError) -> Bool {
        self.state.withLock { state in
            guard state.schedules.removeValue(forKey: name) != nil else { return false }
            state.scheduleChanges += 1
            return true
        }
    }

    /// The schedule of a name.
    public func schedule(named name: ScheduleName) async throws(QueueError) -> ScheduleRecord? {
        self.state.withLock { $0.schedules[name] }
    }

    /// A page of schedules, by name.
    ///
    /// - Complexity: O(*n* log *n*).
    public func schedules(after name: ScheduleName?, limit: Int) async throws(QueueError) -> [ScheduleRecord] {
        try QueueRequests.check(page: limit)
        return self.state.withLock { state in
            let found = state.schedules.filter { entry in name.map { entry.key > $0 } ?? true }
            return found.sorted { $0.key < $1.key }.prefix(limit).map(\.value)
        }
    }

    /// How often schedules were put or removed.
    public func scheduleChanges() async throws(QueueError) -> Int64 {
        self.state.withLock { $0.scheduleChanges }
    }

    /// Takes a tick and publishes its messages.
    public func take(
        _ tick: WallTime, of schedule: ScheduleName, publishing ticks: [WallTime], next: WallTime?
    ) async throws(QueueError) -> TickOutcome {
        try ScheduleRequests.check(tick, publishing: ticks, next: next)
        let seen = self.state.withLock { $0.schedules[schedule] }
        guard let seen, seen.next == tick else { return .stale(seen) }
        return try self.change(seen.schedule.queue) { state, queue, now in
            // It may have been changed in between.
            guard let record = state.schedules[schedule], record.next == tick, record.schedule == seen.schedule else {
                return (.stale(state.schedules[schedule]), false)
            }
            var lastID = state.lastID
            let outcomes = queue.publish(ticks.map { record.schedule.message(at: $0) }, at: now) {
                lastID += 1
                return MessageID(rawValue: lastID)
            }
            state.lastID = lastID
            let ids = outcomes.compactMap { if case .stored(let id) = $0 { id } else { nil } }
            guard let taken = record.taking(ticks, published: ids.count, next: next) else { return (.full, false) }
            state.schedules[schedule] = taken
            return (.taken(ids), !ids.isEmpty)
        }
    }
}
