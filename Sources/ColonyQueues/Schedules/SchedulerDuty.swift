public import ColonyCore

/// Whether a scheduler publishes for the ticks of its store, or leaves them to another scheduler, on another store with the same schedules.
///
/// Schedulers on *one* store need none of this: each tick is taken by one of them. Schedulers on stores of their own cannot see each other's
/// ticks, so something else has to say which of them publishes, such as an election.
public enum SchedulerDuty: Hashable, Sendable {
    /// It publishes; `nil` if it always did.
    ///
    /// Ticks from before `since` may have their message from the one that published then. Schedules with ``MissedTicks/skip`` pass them over, so that
    /// none comes twice; the others make up for those that are still there, so that none is lost.
    case publishes(since: WallTime?)
    /// Another one publishes. A tick is kept for so long, in case the other one fails and this one has to publish it, and then taken without a message.
    case letsPass(after: Duration)

    /// Up to when ticks are taken.
    func horizon(at wall: WallTime) -> WallTime {
        switch self {
        case .publishes: wall
        case .letsPass(let wait): wall.advanced(by: .zero - wait)
        }
    }
}
