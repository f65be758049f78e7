import ColonyClocks
import ColonyCore

/// A write with its value, as one of several siblings.
struct Sibling: Hashable, Sendable {
    let stamp: WriteStamp
    let value: [UInt8]
}

/// All that one server knows of a key. States merge like those of a CRDT, so that it does not matter in which order,
/// how often, and over which detours they arrive: by writes, repairs, hints, or a rebalance.
enum StoredState: Equatable, Sendable {
    /// The last write; without a value, the key was deleted.
    case last(WriteStamp, [UInt8]?)
    /// Siblings, and what is known to be replaced; `changed` is the greatest stamp of a change, deletes included.
    case siblings(changed: WriteStamp, DottedVersionVectorSet<Sibling>)

    var stamp: WriteStamp {
        switch self {
        case .last(let stamp, _): stamp
        case .siblings(let stamp, _): stamp
        }
    }

    var context: QuorumContext {
        switch self {
        case .last(let stamp, _): QuorumContext(stamp: stamp)
        case .siblings(let stamp, let set): QuorumContext(stamp: stamp, events: set.context)
        }
    }

    /// The values, in the order of their stamps.
    var values: [[UInt8]] {
        switch self {
        case .last(_, let value): value.map { [$0] } ?? []
        case .siblings(_, let set):
            set.count <= 1
                ? set.values.map(\.value)
                : set.values.sorted { $0.stamp < $1.stamp }.map(\.value)
        }
    }

    /// Whether only the memory of a delete is left.
    var isTombstone: Bool {
        switch self {
        case .last(_, let value): value == nil
        case .siblings(_, let set): set.isEmpty
        }
    }

    /// Takes in what another server knows.
    ///
    /// - Throws: `undecodable` if one keeps siblings and the other does not, which two programs with different settings
    ///   do.
    mutating func merge(_ other: StoredState) throws(QuorumError) {
        switch (self, other) {
        case (.last(let mine, _), .last(let theirs, _)):
            if theirs > mine { self = other }
        case (.siblings(let mine, var set), .siblings(let theirs, let otherSet)):
            set.sync(otherSet)
            self = .siblings(changed: max(mine, theirs), set)
        default:
            throw QuorumError(
                .undecodable,
                "the key was written both by a store that keeps siblings and by one that keeps the last write")
        }
    }

    func merging(_ other: StoredState) throws(QuorumError) -> StoredState {
        var result = self
        try result.merge(other)
        return result
    }
}
