public import ColonyCore

/// How a ``Scheduler`` works.
public struct SchedulerSettings: Hashable, Sendable {
    /// By how much a tick may be late and still be taken as if it were not; later ones are missed, see ``MissedTicks``. From 0 to 24 hours.
    ///
    /// A minute, the grain of cron, bridges a restart.
    public var grace: Duration
    /// The longest time between two looks at the civil clock, which may step, and at the schedules, which may be changed. From 10 milliseconds to a
    /// minute.
    public var look: Duration
    /// How long a tick rests for which its queue had no room or that the store could not take, and how long a store that cannot be read.
    public var backoff: Backoff

    /// Makes settings.
    public init(
        grace: Duration = .seconds(60), look: Duration = .seconds(1),
        backoff: Backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(10))
    ) {
        self.grace = grace
        self.look = look
        self.backoff = backoff
    }

    func validate() throws(QueueError) {
        guard (.zero ... .seconds(86_400)).contains(self.grace) else {
            throw QueueError(
                .invalidConfiguration, "a grace lies between 0 and 24 hours, and \(self.grace) does not")
        }
        guard (.milliseconds(10) ... .seconds(60)).contains(self.look) else {
            throw QueueError(
                .invalidConfiguration,
                "a scheduler looks every 10 milliseconds to every minute, and not every \(self.look)")
        }
    }
}

/// Something that a scheduler has done, or could not do.
public enum SchedulerEvent: Sendable {
    /// These messages were published for the ticks from `tick` on; `lateness` is how long after `tick`, by the civil clock.
    case published(ScheduleName, tick: WallTime, ids: [MessageID], lateness: Duration)
    /// The ticks from one point in time to before another have no message because they were missed; `nil` if no tick follows.
    case passedOver(ScheduleName, from: WallTime, before: WallTime?)
    /// The queue has no room for the message of this tick, which is tried again.
    case queueFull(ScheduleName, tick: WallTime)
    /// The tick could not be taken for another reason, and is tried again.
    case failed(ScheduleName, tick: WallTime, QueueError)
    /// The schedules could not be read, and those that are known are kept; it is tried again.
    case unreadable(QueueError)
}

/// What a scheduler has done since it was made, and how many schedules it keeps.
public struct SchedulerStatistics: Hashable, Sendable {
    /// How many schedules have a tick to come.
    public var schedules = 0
    /// How many messages it has published.
    public var published = 0
    /// How often somebody else was first.
    public var stale = 0
    /// How often missed ticks were passed over; see ``SchedulerEvent/passedOver(_:from:before:)``.
    public var passedOver = 0
    /// How often ticks were left to another scheduler; see ``SchedulerDuty/letsPass(after:)``.
    public var letPass = 0
    /// How often a queue had no room.
    public var full = 0
    /// How often the store could not take a tick or tell the schedules.
    public var failures = 0

    /// Makes statistics of nothing.
    public init() {}
}
