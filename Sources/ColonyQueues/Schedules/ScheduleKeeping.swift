package import ColonyCore

/// What a scheduler does next, as a value: schedules, times, and answers of the store in, attempts to take ticks out.
package struct ScheduleKeeping: Sendable {
    /// An attempt to take a tick.
    package struct Attempt: Hashable, Sendable {
        package let schedule: ScheduleName
        /// The next one as it was seen.
        package let tick: WallTime
        /// For which ticks a message is published.
        package let ticks: [WallTime]
        /// The tick after.
        package let next: WallTime?
        /// Ticks from the one to before the other are passed over, if the attempt succeeds.
        package let passedOver: PassedOver?
    }

    /// Ticks that have no message because they were missed.
    package struct PassedOver: Hashable, Sendable {
        package let from: WallTime
        package let before: WallTime?

        package init(from: WallTime, before: WallTime?) {
            self.from = from
            self.before = before
        }
    }

    private struct Entry {
        let cron: CronExpression
        let zone: CivilZone
        let missed: MissedTicks
        var next: WallTime
        /// Not before this, because the last attempt failed.
        var rest: MonotonicInstant?
        var failures = 0

        /// `nil` if it does nothing.
        init?(_ record: ScheduleRecord) {
            guard let next = record.next, !record.schedule.isPaused else { return nil }
            (self.cron, self.zone) = (record.schedule.cron, record.schedule.zone)
            (self.missed, self.next) = (record.schedule.missed, next)
        }

        func next(after tick: WallTime) -> WallTime? { self.cron.next(after: tick, in: self.zone) }
    }

    private var entries: [ScheduleName: Entry] = [:]
    private let grace: Duration

    /// - Parameter grace: By how much a tick may be late without being missed.
    package init(grace: Duration) {
        self.grace = grace
    }

    /// How many schedules have a tick to come.
    package var count: Int { self.entries.count }

    // MARK: What is known

    /// These are all schedules of the store.
    package mutating func loaded(_ records: [ScheduleRecord]) {
        let before = self.entries
        self.entries = [:]
        for record in records {
            guard var entry = Entry(record) else { continue }
            if let earlier = before[record.schedule.name], earlier.next == entry.next {
                (entry.rest, entry.failures) = (earlier.rest, earlier.failures)
            }
            self.entries[record.schedule.name] = entry
        }
    }

    // MARK: What to do

    /// What to take now, the earliest tick first.
    ///
    /// - Complexity: O(*n*) in the number of schedules.
    package func due(
        at wall: WallTime, _ now: MonotonicInstant, _ duty: SchedulerDuty = .publishes(since: nil)
    ) -> [Attempt] {
        let horizon = duty.horizon(at: wall)
        let due = self.entries.filter { _, entry in
            entry.next <= horizon && entry.rest.map { $0 <= now } ?? true
        }
        return due.sorted { ($0.value.next, $0.key) < ($1.value.next, $1.key) }.map { name, entry in
            switch duty {
            case .publishes(let since): self.attempt(name, entry, at: wall, since: since)
            case .letsPass:
                Attempt(
                    schedule: name, tick: entry.next, ticks: [], next: entry.next(after: horizon), passedOver: nil)
            }
        }
    }

    /// How long nothing is to be done if both clocks run on evenly; zero or more.
    ///
    /// - Parameter limit: The longest pause, because the civil clock may step.
    package func pause(
        at wall: WallTime, _ now: MonotonicInstant, _ duty: SchedulerDuty = .publishes(since: nil), upTo limit: Duration
    ) -> Duration {
        let horizon = duty.horizon(at: wall)
        return self.entries.values.reduce(limit) { pause, entry in
            let untilTick = Duration.milliseconds(
                min(
                    entry.next.millisecondsSince1970.subtractingReportingOverflow(horizon.millisecondsSince1970).0,
                    3_600_000))
            let untilRest = entry.rest.map { now.duration(to: $0) } ?? .zero
            return max(.zero, min(pause, max(untilTick, untilRest)))
        }
    }

    private func attempt(_ name: ScheduleName, _ entry: Entry, at wall: WallTime, since: WallTime?) -> Attempt {
        let tick = entry.next
        var lastMissed = wall.advanced(by: .zero - self.grace - .milliseconds(1))
        if let since, entry.missed == .skip { lastMissed = max(lastMissed, since.advanced(by: .milliseconds(-1))) }
        if tick > lastMissed {
            return Attempt(schedule: name, tick: tick, ticks: [tick], next: entry.next(after: tick), passedOver: nil)
        }
        let ticks = Self.madeUp(entry, from: tick, upTo: lastMissed)
        let next = entry.next(after: ticks.last ?? lastMissed)
        let isWhole = ticks.first == tick
        return Attempt(
            schedule: name, tick: tick, ticks: ticks, next: next,
            passedOver: isWhole ? nil : PassedOver(from: tick, before: ticks.first ?? next))
    }

    /// Which of the missed ticks have their messages, the earliest first.
    private static func madeUp(_ entry: Entry, from tick: WallTime, upTo lastMissed: WallTime) -> [WallTime] {
        let limit: Int
        switch entry.missed {
        case .skip: return []
        case .once: limit = 1
        case .all(let most): limit = most
        }
        var found: [WallTime] = []
        var upper = lastMissed
        while found.count < limit, let last = entry.cron.last(upTo: upper, after: tick, in: entry.zone) {
            found.append(last)
            upper = last.advanced(by: .milliseconds(-1))
        }
        // The one that is to be taken counts even if the rules of its zone have changed since.
        if found.count < limit { found.append(tick) }
        return found.reversed()
    }

    // MARK: What came of it

    /// The tick was taken with so many messages.
    package mutating func taken(_ attempt: Attempt, published count: Int) {
        guard var entry = self.entries[attempt.schedule], entry.next == attempt.tick else { return }
        let next = count < attempt.ticks.count ? attempt.ticks[count] : attempt.next
        guard let next else {
            self.entries[attempt.schedule] = nil
            return
        }
        entry.next = next
        (entry.rest, entry.failures) = (nil, 0)
        self.entries[attempt.schedule] = entry
    }

    /// The tick is not the next one any more; this is what is.
    package mutating func stale(_ attempt: Attempt, _ record: ScheduleRecord?) {
        self.entries[attempt.schedule] = record.flatMap { Entry($0) }
    }

    /// The attempt failed for now.
    ///
    /// - Returns: How often in a row.
    package mutating func failed(_ attempt: Attempt) -> Int {
        guard self.entries[attempt.schedule]?.next == attempt.tick else { return 1 }
        self.entries[attempt.schedule]?.failures += 1
        return self.entries[attempt.schedule]?.failures ?? 1
    }

    /// Is not to be tried before then.
    package mutating func rest(_ attempt: Attempt, until instant: MonotonicInstant) {
        guard self.entries[attempt.schedule]?.next == attempt.tick else { return }
        self.entries[attempt.schedule]?.rest = instant
    }
}
