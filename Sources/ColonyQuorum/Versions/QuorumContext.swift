public import ColonyClocks
import ColonyCore

/// What a reader has seen of a key, to be handed to its next write.
///
/// A write with it comes after all that the reader saw: it has a greater stamp, and replaces the siblings that were
/// seen and no others. It can be encoded and travel, such as to a browser and back.
public struct QuorumContext: Hashable, Sendable, Codable {
    /// The greatest stamp that was seen; `nil` if there was none.
    public internal(set) var stamp: WriteStamp?
    /// The writes that were seen, where siblings are kept.
    public internal(set) var events: VectorClock

    /// What somebody has seen who has read nothing.
    public init() {
        self.stamp = nil
        self.events = VectorClock()
    }

    init(stamp: WriteStamp?, events: VectorClock = VectorClock()) {
        self.stamp = stamp
        self.events = events
    }

    /// Whether all that `other` has seen is part of this.
    func covers(_ other: QuorumContext) -> Bool {
        if let theirs = other.stamp {
            guard let mine = self.stamp, mine >= theirs else { return false }
        }
        return other.events.isEmpty || self.events.compare(to: other.events).isAtLeast
    }

    mutating func merge(_ other: QuorumContext) {
        if let theirs = other.stamp { self.stamp = self.stamp.map { max($0, theirs) } ?? theirs }
        if !other.events.isEmpty { self.events.merge(other.events) }
    }
}
