import Synchronization

/// What a writer has done since it began.
package struct StoreStatistics: Sendable, Equatable {
    /// Operations that ran, whatever became of them.
    package var operations = 0
    /// Transactions that ran them.
    package var batches = 0
    /// Transactions that changed the file; each cost one `fsync`, except for the ``unsynced``.
    package var commits = 0
    /// Those of the ``commits`` that only wrote, because nobody in them was to be told more.
    package var unsynced = 0
}

final class BatchCounters: Sendable {
    private let state = Mutex(StoreStatistics())

    var snapshot: StoreStatistics { self.state.withLock { $0 } }

    func count(operations: Int, commits: Int, areSynced: Bool) {
        self.state.withLock { state in
            state.operations += operations
            state.batches += 1
            state.commits += commits
            if !areSynced { state.unsynced += commits }
        }
    }
}
