import Synchronization

/// What only tests ask.
extension MemoryLeaseEngine {
    /// How many grants are kept in memory, those that have run out included.
    package var retainedGrantCount: Int {
        self.state.withLock { $0.grants.count }
    }

    /// Of how many names permits are kept in memory, those that have run out included.
    package var retainedPermitNames: Int {
        self.state.withLock { $0.permits.count }
    }

    /// How many groups of records are kept in memory, those that have run out included.
    package var retainedGroups: Int {
        self.state.withLock { $0.groups.count }
    }
}
