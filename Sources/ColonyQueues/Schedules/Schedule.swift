public import ColonyCore

/// What is published to which queue, and when, over and over.
public struct Schedule: Hashable, Sendable {
    /// Its name in the store.
    public let name: ScheduleName
    /// When it fires.
    public let cron: CronExpression
    /// Whose local time the expression speaks of.
    public let zone: CivilZone
    /// Where its messages go. The queue must exist when the schedule is put, and is not made again when it is deleted.
    public let queue: QueueName
    /// What is published.
    public let message: ScheduledMessage
    /// What becomes of ticks that nobody took in time.
    public let missed: MissedTicks
    /// Whether it does nothing until it is put again without this. Ticks in between are not missed: there are none.
    public let isPaused: Bool

    /// Makes a schedule, which does nothing before it is put into a store with ``ScheduleEngine/put(_:at:)``.
    ///
    /// - Parameters:
    ///   - zone: UTC has no days of 23 or 25 hours, and no clocks that are changed.
    ///   - missed: One message after an outage is what most work needs: it is done again at once, and not many times.
    /// - Throws: ``QueueError``: `invalidRequest` if the expression never fires, if the message is one that no queue takes, or if the policy has a
    ///   bound out of range; `tooLarge` if the message is.
    public init(
        _ name: ScheduleName, cron: CronExpression, zone: CivilZone = .utc, to queue: QueueName,
        message: ScheduledMessage, missed: MissedTicks = .once, isPaused: Bool = false
    ) throws(QueueError) {
        self.init(
            unchecked: name, cron: cron, zone: zone, to: queue, message: message, missed: missed, isPaused: isPaused)
        if !cron.fires {
            throw QueueError(
                .invalidRequest, "the schedule \"\(name)\" would never fire: no day of any year matches \"\(cron)\"")
        }
        if case .all(let limit) = missed, !MissedTicks.limits.contains(limit) {
            throw QueueError(
                .invalidRequest,
                "of missed ticks from 1 to \(MissedTicks.limits.upperBound) are made up for, and not \(limit)")
        }
        if message.body.count > ScheduledMessage.bodyBytes {
            throw QueueError(
                .tooLarge,
                "the body of a schedule has at most \(ScheduledMessage.bodyBytes) bytes, and this one has \(message.body.count)"
            )
        }
        try self.message(at: WallTime(millisecondsSince1970: 0)).validate()
    }

    /// Makes a schedule of what a store has, which was checked when it came there.
    package init(
        unchecked name: ScheduleName, cron: CronExpression, zone: CivilZone, to queue: QueueName,
        message: ScheduledMessage, missed: MissedTicks, isPaused: Bool
    ) {
        self.name = name
        self.cron = cron
        self.zone = zone
        self.queue = queue
        self.message = message
        self.missed = missed
        self.isPaused = isPaused
    }

    /// The same schedule, paused or not.
    public func paused(_ isPaused: Bool = true) -> Schedule {
        Schedule(
            unchecked: self.name, cron: self.cron, zone: self.zone, to: self.queue, message: self.message,
            missed: self.missed, isPaused: isPaused)
    }

    /// The first tick after a point in time.
    public func next(after time: WallTime) -> WallTime? { self.cron.next(after: time, in: self.zone) }

    /// The message of a tick.
    package func message(at tick: WallTime) -> OutgoingMessage {
        var headers = self.message.headers
        headers[ScheduledMessage.nameHeader] = self.name.rawValue
        headers[ScheduledMessage.tickHeader] = tick.rfc3339
        return OutgoingMessage(
            self.message.body, key: self.message.key, priority: self.message.priority, headers: headers)
    }
}

/// What a schedule publishes at every tick.
public struct ScheduledMessage: Hashable, Sendable {
    /// The header with the name of the schedule.
    public static let nameHeader = "schedule-name"
    /// The header with the tick, as RFC 3339 writes it in UTC: `2026-03-29T01:00:00.000Z`. It is the same however late the message is published.
    public static let tickHeader = "schedule-tick"
    /// The most bytes of a body, 64 KiB: schedules are read together, and whatever is larger can be fetched by whoever handles the message.
    public static let bodyBytes = 64 << 10

    /// What is delivered.
    public var body: [UInt8]
    /// Messages with the same key are delivered one at a time.
    public var key: String?
    /// From 0 to 9; higher ones are delivered first.
    public var priority: Int
    /// Names and values, to which ``nameHeader`` and ``tickHeader`` are added.
    public var headers: [String: String]

    /// Makes one.
    public init(_ body: [UInt8], key: String? = nil, priority: Int = 4, headers: [String: String] = [:]) {
        self.body = body
        self.key = key
        self.priority = priority
        self.headers = headers
    }
}

/// What becomes of ticks that were missed: that are late by more than ``SchedulerSettings/grace`` when a scheduler sees them, because none was running, the
/// store could not be reached, the queue was full, or the civil clock has stepped forward.
public enum MissedTicks: Hashable, Sendable {
    /// They are passed over; the scheduler reports it.
    case skip
    /// The last of them has its message, the others are passed over.
    case once
    /// The last so many of them have their messages, the earliest first; those before are passed over. From 1 to 1,000.
    case all(limit: Int)

    /// How many missed ticks may be made up for.
    public static let limits = 1...MessageLimits.batch
}

/// A schedule as it stands in its store.
public struct ScheduleRecord: Hashable, Sendable {
    /// What was put.
    public var schedule: Schedule
    /// The tick that is to be taken next; `nil` if there is none, or while it is paused.
    public var next: WallTime?
    /// The last tick whose message was published; `nil` if none was.
    public var lastTaken: WallTime?
    /// For how many ticks a message was published.
    public var taken: Int

    /// Makes a record; for engines.
    public init(schedule: Schedule, next: WallTime?, lastTaken: WallTime? = nil, taken: Int = 0) {
        self.schedule = schedule
        self.next = next
        self.lastTaken = lastTaken
        self.taken = taken
    }
}
