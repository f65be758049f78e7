import ColonyCore
import ColonyQueues

/// The conformance suite of `ScheduleEngine`: what the port promises, as cases that any engine can be put to like those of ``QueueConformance``.
///
/// They take ticks by hand and need no clock: when a tick is to be taken is decided above the port.
public enum ScheduleConformance {
    /// All cases, in the order in which they are run.
    public static let cases: [QueueCase] = Self.keepingCases + Self.takingCases

    /// Runs cases one after another, as ``QueueConformance/run(on:title:cases:limit:reporting:)`` does those of queues.
    ///
    /// - Returns: The report. On an engine without the power all cases are skipped, with the reason.
    public static func run(
        on harness: any QueueHarness, title: String? = nil, cases: [QueueCase] = Self.cases,
        limit: Duration = .seconds(120), reporting: (ConformanceProgress) -> Void = { _ in }
    ) async -> ConformanceReport {
        await QueueCase.report(.schedules, cases, on: harness, title, limit, reporting)
    }
}

/// What the cases of schedules have in common.
struct ScheduleBench {
    let context: QueueCaseContext
    let engine: any ScheduleEngine
    let other: any ScheduleEngine
    let queue: QueueName

    init(_ context: QueueCaseContext, _ change: (inout QueueSettings) -> Void = { _ in }) async throws {
        self.context = context
        let missing = "the engine has no power of schedules"
        self.engine = try require(context.engine as? any ScheduleEngine, missing)
        self.other = try require(context.other as? any ScheduleEngine, missing)
        self.queue = try await context.queue("queue", change)
    }

    /// A full minute after 2026-01-01T00:00:00Z.
    static func minute(_ number: Int64) -> WallTime {
        WallTime(millisecondsSince1970: 1_767_225_600_000 + number * 60_000)
    }

    /// A schedule that fires every minute.
    func schedule(
        _ text: String = "schedule", cron: String = "* * * * *", zone: String = "UTC",
        _ message: ScheduledMessage = ScheduledMessage(Array("body".utf8)), missed: MissedTicks = .once,
        to queue: QueueName? = nil
    ) throws -> Schedule {
        try Schedule(
            self.context.scheduleName(text), cron: CronExpression(cron), zone: CivilZone(zone), to: queue ?? self.queue,
            message: message, missed: missed)
    }

    /// A schedule that fires every minute, put with its first tick.
    func put(next: WallTime? = minute(0)) async throws -> Schedule {
        let schedule = try self.schedule()
        try expect(try await self.engine.put(schedule, next: next), "the schedule \(schedule.name) was there before")
        return schedule
    }

    func record(of schedule: Schedule) async throws -> ScheduleRecord {
        try require(try await self.other.schedule(named: schedule.name), "the schedule \(schedule.name) is gone")
    }

    func expectRecord(
        of schedule: Schedule, next: WallTime?, lastTaken: WallTime?, taken: Int, _ when: String
    ) async throws {
        let record = try await self.record(of: schedule)
        let expected = ScheduleRecord(schedule: schedule, next: next, lastTaken: lastTaken, taken: taken)
        try expect(record == expected, "\(when) the schedule stands as \(record), and not as \(expected)")
    }

    /// Takes a tick and demands that so many messages are published.
    func take(
        _ tick: WallTime, of schedule: Schedule, publishing ticks: [WallTime], next: WallTime?, expecting count: Int
    ) async throws {
        let outcome = try await self.engine.take(tick, of: schedule.name, publishing: ticks, next: next)
        guard case .taken(let ids) = outcome, ids.count == count else {
            throw ConformanceFailure(
                "taking the tick of \(tick) was answered with \(outcome), and \(count) messages were expected")
        }
    }

    /// The ticks of the messages that can be delivered, in their order.
    func deliveredTicks() async throws -> [String] {
        let deliveries = try await self.context.receive(from: self.queue)
        return deliveries.map { $0.headers[ScheduledMessage.tickHeader] ?? "none" }
    }
}
