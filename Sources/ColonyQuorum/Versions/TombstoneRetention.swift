import ColonyClocks
import ColonyCore

/// For how long it is remembered that a key was deleted, and by whom it was written.
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

    /// A state without the writers of whom nothing is left, once everybody must have heard of that.
    ///
    /// Whoever forgets a writer takes his old siblings, where they still lie, for new ones. So the key must not have
    /// changed for the time of grace, within which every server learns what it missed; and the writer must be past the
    /// age at which it takes another name, for as long again.
    func withoutPastWriters(_ state: StoredState) -> StoredState {
        guard case .siblings(let changed, let set) = state, self.age(of: changed.time) >= self.grace else {
            return state
        }
        let kept = set.parts.filter { part in
            guard part.values.isEmpty, let born = SiblingWriters.birth(of: part.node) else { return true }
            return self.age(of: born) < self.grace * 2
        }
        guard kept.count < set.parts.count, let rest = try? DottedVersionVectorSet(parts: kept) else { return state }
        return .siblings(changed: changed, rest)
    }

    /// What a session has seen, without the writers that servers may have forgotten.
    func withoutPastWriters(_ context: QuorumContext) -> QuorumContext {
        if context.events.isEmpty { return context }
        let kept = context.events.entries.filter { event in
            SiblingWriters.birth(of: event.node).map { self.age(of: $0) < self.grace * 2 } ?? true
        }
        let events = VectorClock(Dictionary(uniqueKeysWithValues: kept.map { ($0.node, $0.count) }))
        return QuorumContext(stamp: context.stamp, events: events)
    }

    /// Whether a writer is to take another name, so that this one can be forgotten.
    func isPast(_ born: HybridTimestamp) -> Bool { self.age(of: born) >= self.grace }

    private func age(of time: HybridTimestamp) -> Duration {
        let age = self.wallClock.now.millisecondsSince1970.subtractingReportingOverflow(
            Int64(clamping: time.milliseconds))
        return age.overflow ? .zero : .milliseconds(max(0, age.partialValue))
    }

    private func rest(of state: StoredState) -> Duration { self.grace - self.age(of: state.stamp.time) }
}
