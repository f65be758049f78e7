public import ColonyCore
public import ColonyQueues

extension SQLiteQueueEngine: ScheduleEngine {
    /// Makes or replaces a schedule in one durable transaction.
    @discardableResult
    public func put(_ schedule: Schedule, next: WallTime?) async throws(QueueError) -> Bool {
        enum Answer { case changed, same, unknownQueue, tooMany, taken(WallTime, WallTime) }
        let answer = try await self.write { transaction throws(StoreError) -> Answer in
            let connection = transaction.connection
            if try QueueLedgers.read(schedule.queue, on: connection) == nil { return .unknownQueue }
            let present = try ScheduleTable.read(schedule.name, on: connection)
            if let present {
                if present.schedule == schedule { return .same }
                if let next, let taken = present.lastTaken, !present.canGoOn(at: next) { return .taken(taken, next) }
            } else if try ScheduleTable.count(on: connection) >= MessageLimits.schedules {
                return .tooMany
            }
            let record = ScheduleRecord(
                schedule: schedule, next: next, lastTaken: present?.lastTaken, taken: present?.taken ?? 0)
            try ScheduleTable.put(record, on: connection)
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

    /// Removes a schedule in one durable transaction.
    @discardableResult
    public func removeSchedule(_ name: ScheduleName) async throws(QueueError) -> Bool {
        try await self.write { transaction throws(StoreError) in
            try ScheduleTable.remove(name, on: transaction.connection)
        }
    }

    /// The schedule of a name.
    public func schedule(named name: ScheduleName) async throws(QueueError) -> ScheduleRecord? {
        try await self.read { connection throws(StoreError) in try ScheduleTable.read(name, on: connection) }
    }

    /// A page of schedules, by name.
    public func schedules(after name: ScheduleName?, limit: Int) async throws(QueueError) -> [ScheduleRecord] {
        try QueueRequests.check(page: limit)
        return try await self.read { connection throws(StoreError) in
            try ScheduleTable.page(after: name, limit: limit, on: connection)
        }
    }

    /// How often schedules were put or removed, by any process.
    public func scheduleChanges() async throws(QueueError) -> Int64 {
        try await self.read { connection throws(StoreError) in try ScheduleTable.changes(on: connection) }
    }

    /// Takes a tick and publishes its messages in one durable transaction.
    public func take(
        _ tick: WallTime, of schedule: ScheduleName, publishing ticks: [WallTime], next: WallTime?
    ) async throws(QueueError) -> TickOutcome {
        try ScheduleRequests.check(tick, publishing: ticks, next: next)
        let seen = try await self.schedule(named: schedule)
        guard let seen, seen.next == tick else { return .stale(seen) }
        return try await self.change(seen.schedule.queue) { queue throws(StoreError) -> TickOutcome in
            // Others may have taken or changed it since it was read.
            let record = try ScheduleTable.read(schedule, on: queue.connection)
            guard let record, record.next == tick, record.schedule == seen.schedule else { return .stale(record) }
            let outcomes = try queue.publish(ticks.map { record.schedule.message(at: $0) })
            let ids = outcomes.compactMap { if case .stored(let id) = $0 { id } else { nil } }
            guard let taken = record.taking(ticks, published: ids.count, next: next) else { return .full }
            try ScheduleTable.setTick(taken, on: queue.connection)
            return .taken(ids)
        }
    }
}
