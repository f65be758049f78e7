import ColonyClocks
import ColonyCore

/// For how long it is remembered that a key was deleted.
struct TombstoneRetention: Sendable {
    let grace: Duration
    let wallClock: any WallClock

    /// How long a state may stay on a server: without end, unless only the memory of a delete is left.
    func timeToLive(of state: StoredState) -> Duration? {
        // One that takes an old value away although its time is over does so for a moment.
        state.isTombstone ? max(.seconds(1), self.rest(of: state)) : nil
    }

    /// Whether it is time to forget.
    func isOver(_ state: StoredState) -> Bool { state.isTombstone && self.rest(of: state) <= .zero }

    private func rest(of state: StoredState) -> Duration {
        let deleted = Int64(clamping: state.stamp.time.milliseconds)
        let age = self.wallClock.now.millisecondsSince1970.subtractingReportingOverflow(deleted)
        return age.overflow ? self.grace : self.grace - .milliseconds(max(0, age.partialValue))
    }
}
