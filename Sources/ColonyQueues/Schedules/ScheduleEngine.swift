public import ColonyCore

/// The power to keep schedules: what is published when, over and over, once per tick however many processes look at the clock.
///
/// Ticks are computed above this port, once, by ``CronExpression``; the store keeps the next one. What it must do atomically is to take
/// a tick and publish its message in one step, so that of all who try one succeeds, and a crash leaves the tick either untaken or done.
public protocol ScheduleEngine: QueueEngine {
    /// Makes a schedule or replaces the one of that name; repeating the call with an equal schedule changes nothing, the next tick included.
    ///
    /// What was taken is remembered when a schedule is replaced, so that no tick is taken twice.
    ///
    /// - Parameter next: The first tick, after the last that was taken; `nil` if there is none or the schedule is paused.
    /// - Returns: Whether this changed anything.
    /// - Throws: ``QueueError``: `unknownQueue` if its queue does not exist; `invalidRequest` if there are
    ///   ``MessageLimits/schedules`` already; `conflict` if a tick has been taken that is not before `next`. Nothing is changed then.
    /// - Complexity: One round trip.
    @discardableResult
    func put(_ schedule: Schedule, next: WallTime?) async throws(QueueError) -> Bool

    /// Removes a schedule, and what is remembered of it. Messages that it has published stay.
    ///
    /// - Returns: Whether it was there.
    @discardableResult
    func removeSchedule(_ name: ScheduleName) async throws(QueueError) -> Bool

    /// The schedule of a name; `nil` if there is none.
    func schedule(named name: ScheduleName) async throws(QueueError) -> ScheduleRecord?

    /// A page of schedules, in the order of their names, with their next ticks.
    ///
    /// - Parameter limit: From 1 to ``MessageLimits/batch``.
    func schedules(after name: ScheduleName?, limit: Int) async throws(QueueError) -> [ScheduleRecord]

    /// A number that is another one after every call that has put or removed a schedule; taking ticks leaves it as it is.
    ///
    /// - Complexity: One round trip, O(1): schedulers ask every second.
    func scheduleChanges() async throws(QueueError) -> Int64

    /// Takes a tick, if it is still the next one of its schedule: publishes messages and sets the next tick, all in one atomic step.
    ///
    /// One message is published for each of `ticks`, in their order, as far as the queue has room. The first for which it has none becomes the next tick;
    /// if there are none of those, `next` does.
    ///
    /// - Parameters:
    ///   - tick: The next one as it was seen.
    ///   - ticks: Rising, from `tick` on, and before `next`: usually `tick` alone; more or others after ticks were missed, and none if they are passed
    ///     over. Up to ``MessageLimits/batch``.
    ///   - next: The tick after; `nil` if there is none.
    /// - Returns: What became of it. Repeating a call that was done gives `stale`.
    /// - Throws: ``QueueError``: `unknownQueue` if the queue of the schedule is gone, `invalidRequest`; nothing is done then. After `unavailable` or
    ///   `cancelled` all or nothing is done; repeating the call does it once.
    /// - Complexity: One round trip; O(log *n*) per message.
    func take(
        _ tick: WallTime, of schedule: ScheduleName, publishing ticks: [WallTime], next: WallTime?
    ) async throws(QueueError) -> TickOutcome
}

/// What became of an attempt to take a tick.
public enum TickOutcome: Hashable, Sendable {
    /// It was taken, and these messages were published; fewer than ticks were asked for if the queue had no room for more.
    case taken([MessageID])
    /// Somebody else has taken it, or the schedule was changed, paused, or removed. The schedule as it stands; `nil` if there is none.
    case stale(ScheduleRecord?)
    /// The queue has no room for the first message; the tick is still to be taken.
    case full
}

extension ScheduleEngine {
    /// Makes a schedule or replaces the one of that name, with its first tick after a point in time. Repeating the call with an equal schedule changes
    /// nothing.
    ///
    /// A tick that was taken before is not taken again, however the schedule is changed: the first tick is after the last that was taken, even if the
    /// civil clock was set back in between. Removing the schedule forgets that.
    ///
    /// - Parameter now: The civil time; ticks up to then are none of the schedule's.
    /// - Returns: Whether this changed anything.
    /// - Throws: ``QueueError`` as ``put(_:next:)`` does.
    /// - Complexity: Two round trips.
    @discardableResult
    public func put(_ schedule: Schedule, at now: WallTime) async throws(QueueError) -> Bool {
        var attempt = 1
        while true {
            let lastTaken = try await self.schedule(named: schedule.name)?.lastTaken
            let start = max(now, lastTaken ?? now)
            do throws(QueueError) {
                return try await self.put(schedule, next: schedule.isPaused ? nil : schedule.next(after: start))
            } catch {
                // A tick was taken in between; those that follow are at least a second apart.
                if error.code != .conflict || attempt == 10 { throw error }
                attempt += 1
            }
        }
    }
}
