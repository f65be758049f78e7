import Synchronization

/// What tests look at and turn.
extension SQLiteLeaseEngine {
    /// The store behind the engine, opened for it if nobody has yet.
    package var storeForTesting: Store {
        get throws { try self.session().store }
    }

    package var isClosed: Bool {
        self.phase.withLock { if case .closed = $0 { true } else { false } }
    }

    /// Makes this process look dead to the others: its waiters stay in the file and show no more signs of life, as
    /// after a kill or while it is stopped.
    package func playDead() throws {
        try self.session().desk.playDead()
    }

    /// Has a process that played dead go on where it was, as after it was continued.
    package func comeToLife() throws {
        try self.session().desk.comeToLife()
    }
}

extension LeaseDesk {
    func playDead() {
        self.state.withLock { state in
            state.isDead = true
            state.sleeper?.task.cancel()
            state.sleeper = nil
        }
    }

    func comeToLife() {
        self.state.withLock { $0.isDead = false }
        self.setAlarm()
        self.bellRang()
    }
}

extension SQLiteLeaseEngine {
    /// How many wait for permits on this store, in this process.
    package var permitWaiters: Int {
        get throws { try self.session().permitNews.count }
    }

    /// How many wait for changes of groups on this store, in this process.
    package var registryWaiters: Int {
        get throws { try self.session().registryNews.count }
    }
}
