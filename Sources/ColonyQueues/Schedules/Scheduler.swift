public import ColonyCore
public import ServiceLifecycle
import Synchronization

/// Publishes the messages of schedules when their time has come.
///
/// Any number of schedulers may run on one store, in one process or in many: each tick is taken by one of them, in one atomic step with its message, so
/// that a crash leaves the tick untaken or done. Those that are left take over at once.
///
/// **Guarantee.** A message is published for a tick at most once, and never before its time by the civil clock. It is published by ``run()`` of any scheduler
/// as soon as its queue has room and the store answers; ticks that are later than ``SchedulerSettings/grace`` by then go by their schedule's
/// ``MissedTicks``, and those that are passed over are reported. A civil clock that steps back makes no tick come twice; one that steps forward makes ticks
/// late.
///
/// ``run()`` ends by graceful shutdown or cancellation.
public final class Scheduler: Service {
    private let engine: any ScheduleEngine
    private let settings: SchedulerSettings
    private let clock: any MonotonicClock
    private let wall: any WallClock
    private let duty: @Sendable () -> SchedulerDuty
    private let report: @Sendable (SchedulerEvent) -> Void
    private let counts = Mutex(SchedulerStatistics())
    private let isRunning = Atomic<Bool>(false)
    private let end = OneShotSignal()

    /// Makes a scheduler, which does nothing until it is run.
    ///
    /// - Parameters:
    ///   - clock: What it sleeps on.
    ///   - wall: The civil time that ticks are compared with.
    ///   - duty: Whether it publishes at this moment, for schedulers on stores of their own. It is asked before each look, on the thread of the scheduler, and must
    ///     not block. A tick that is taken while the answer changes goes by the one before.
    ///   - report: Called on the thread of the scheduler with what it does; it must not block.
    public init(
        _ engine: any ScheduleEngine, settings: SchedulerSettings = SchedulerSettings(),
        clock: any MonotonicClock = HostClock(), wall: any WallClock = SystemWallClock(),
        duty: @escaping @Sendable () -> SchedulerDuty = { .publishes(since: nil) },
        report: @escaping @Sendable (SchedulerEvent) -> Void = { _ in }
    ) {
        self.engine = engine
        self.settings = settings
        self.clock = clock
        self.wall = wall
        self.duty = duty
        self.report = report
    }

    /// What it has done.
    public var statistics: SchedulerStatistics { self.counts.withLock { $0 } }

    /// Takes ticks until graceful shutdown or cancellation.
    ///
    /// - Throws: ``QueueError``: `invalidConfiguration` if the settings cannot work, `closed` if the store was closed. A store that cannot be
    ///   reached does not end it: it tries again with growing pauses.
    public func run() async throws {
        try self.settings.validate()
        precondition(
            !self.isRunning.exchange(true, ordering: .acquiringAndReleasing), "a scheduler is run once; make another")
        // Handlers that block every thread of the pool must not make ticks late.
        try await withTaskExecutorPreference(schedulerExecutor) {
            try await withGracefulShutdownHandler {
                try await self.work()
            } onGracefulShutdown: {
                self.end.fire()
            }
        }
    }
}

/// The thread on which schedulers look at the clock.
private let schedulerExecutor = DedicatedExecutor(named: "colony-scheduler")

extension Scheduler {
    /// How many ticks are taken at a time, so that they share commits.
    private static let attemptsAtOnce = 64

    private func work() async throws {
        var keeping = ScheduleKeeping(grace: self.settings.grace)
        var generator = SystemRandomNumberGenerator()
        var seen: Int64?
        var nextLoad = self.clock.now
        var failures = 0
        while !self.end.isFired, !Task.isCancelled {
            if self.clock.now >= nextLoad {
                do throws(QueueError) {
                    try await self.load(into: &keeping, seen: &seen)
                    nextLoad = self.clock.now.advanced(by: self.settings.look)
                    failures = 0
                } catch {
                    if error.code == .closed { throw error }
                    failures += 1
                    self.counts.withLock { $0.failures += 1 }
                    self.report(.unreadable(error))
                    let rest = self.settings.backoff.delay(after: failures, using: &generator)
                    nextLoad = self.clock.now.advanced(by: max(rest, .milliseconds(10)))
                }
            }
            let duty = self.duty()
            let attempts = keeping.due(at: self.wall.now, self.clock.now, duty)
            if !attempts.isEmpty {
                for (attempt, result) in await self.carryOut(attempts) {
                    try self.note(attempt, result, in: &keeping, using: &generator)
                }
                continue
            }
            let now = self.clock.now
            let limit = max(.zero, min(self.settings.look, now.duration(to: nextLoad)))
            let pause = keeping.pause(at: self.wall.now, now, duty, upTo: limit)
            // Cancelled: the loop ends.
            _ = try? await self.end.wait(until: now.advanced(by: pause), on: self.clock)
        }
    }

    /// Reads the schedules if they may have been changed.
    private func load(into keeping: inout ScheduleKeeping, seen: inout Int64?) async throws(QueueError) {
        // Counted before reading, so that nothing falls between.
        let changes = try await self.engine.scheduleChanges()
        if changes == seen { return }
        var records: [ScheduleRecord] = []
        var last: ScheduleName?
        while true {
            let page = try await self.engine.schedules(after: last, limit: MessageLimits.batch)
            records += page
            last = page.last?.schedule.name
            if page.count < MessageLimits.batch { break }
        }
        keeping.loaded(records)
        seen = changes
        let count = keeping.count
        self.counts.withLock { $0.schedules = count }
    }

    /// Tries to take ticks, several at a time.
    private func carryOut(
        _ attempts: [ScheduleKeeping.Attempt]
    ) async -> [(ScheduleKeeping.Attempt, Result<TickOutcome, QueueError>)] {
        await withTaskGroup(of: (ScheduleKeeping.Attempt, Result<TickOutcome, QueueError>).self) { group in
            var results: [(ScheduleKeeping.Attempt, Result<TickOutcome, QueueError>)] = []
            var running = 0
            for attempt in attempts {
                if running == Self.attemptsAtOnce, let result = await group.next() {
                    results.append(result)
                    running -= 1
                }
                group.addTask { (attempt, await self.carryOut(attempt)) }
                running += 1
            }
            for await result in group { results.append(result) }
            return results
        }
    }

    private func carryOut(_ attempt: ScheduleKeeping.Attempt) async -> Result<TickOutcome, QueueError> {
        do throws(QueueError) {
            return .success(
                try await self.engine.take(
                    attempt.tick, of: attempt.schedule, publishing: attempt.ticks, next: attempt.next))
        } catch {
            return .failure(error)
        }
    }

    private func note(
        _ attempt: ScheduleKeeping.Attempt, _ result: Result<TickOutcome, QueueError>,
        in keeping: inout ScheduleKeeping, using generator: inout some RandomNumberGenerator
    ) throws(QueueError) {
        switch result {
        case .success(.taken(let ids)):
            keeping.taken(attempt, published: ids.count)
            self.counts.withLock { counts in
                counts.published += ids.count
                if attempt.passedOver != nil { counts.passedOver += 1 }
                if attempt.ticks.isEmpty, attempt.passedOver == nil { counts.letPass += 1 }
            }
            if let passedOver = attempt.passedOver {
                self.report(.passedOver(attempt.schedule, from: passedOver.from, before: passedOver.before))
            }
            if let first = attempt.ticks.first {
                let late = self.wall.now.millisecondsSince1970 - first.millisecondsSince1970
                self.report(
                    .published(attempt.schedule, tick: first, ids: ids, lateness: .milliseconds(max(0, late))))
            }
            return
        case .success(.stale(let record)):
            self.counts.withLock { $0.stale += 1 }
            keeping.stale(attempt, record)
            // Another answer for the same tick would come at once, and again.
            if record?.next != attempt.tick { return }
        case .success(.full):
            self.counts.withLock { $0.full += 1 }
            self.report(.queueFull(attempt.schedule, tick: attempt.tick))
        case .failure(let error):
            if error.code == .closed { throw error }
            self.counts.withLock { $0.failures += 1 }
            self.report(.failed(attempt.schedule, tick: attempt.tick, error))
        }
        let failures = keeping.failed(attempt)
        let rest = self.settings.backoff.delay(after: failures, using: &generator)
        keeping.rest(attempt, until: self.clock.now.advanced(by: max(rest, .milliseconds(10))))
    }
}
