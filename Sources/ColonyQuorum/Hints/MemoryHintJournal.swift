public import ColonyCore
import Synchronization

/// A journal in the memory of this process, for tests and where a lost hint is made good by other means.
///
/// Its hints end with the process. The servers that are owed something are then brought up to date by reads, and by
/// ``QuorumStore/reconcile(_:_:rate:)``.
public final class MemoryHintJournal: HintJournal {
    private struct State {
        var index: HintIndex
        var isClosed = false
    }

    private let state: Mutex<State>

    /// Makes an empty journal.
    public init(limits: HintLimits = HintLimits()) {
        self.state = Mutex(State(index: HintIndex(limits)))
    }

    /// Keeps hints as long as the process lives.
    public func append(_ hints: [Hint]) async throws(QuorumError) {
        let defect = self.state.withLock { state -> QuorumError? in
            if state.isClosed { return QuorumError(.closed, "the journal was closed") }
            if let defect = state.index.defect(adding: hints) { return defect }
            for hint in hints { _ = state.index.add(hint) }
            return nil
        }
        if let defect { throw defect }
    }

    /// The oldest hints for a server.
    public func hints(for server: NodeID, limit: Int) async throws(QuorumError) -> [KeptHint] {
        self.state.withLock { $0.index.oldest(for: server, limit: limit) }
    }

    /// Forgets hints.
    public func remove(_ numbers: [UInt64]) async throws(QuorumError) {
        self.state.withLock { state in
            for number in numbers { _ = state.index.remove(number) }
        }
    }

    /// How many hints there are for each server that has some.
    public func counts() async throws(QuorumError) -> [NodeID: Int] {
        self.state.withLock(\.index.counts)
    }

    /// Ends the journal; what it kept can still be read.
    public func close() async {
        self.state.withLock { $0.isClosed = true }
    }
}
