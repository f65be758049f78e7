import ColonyCore
import Synchronization

/// The tie between one engine and the store of its file: joined on first use, left when the engine is closed or gone.
///
/// Making one does no I/O, and neither does joining: the first operation opens the file.
final class StoreMembership: Sendable {
    private enum Phase {
        case unopened
        case open(Store)
        case closed
    }

    /// The file as it was named.
    let path: String
    private let configuration: SQLiteStoreConfiguration
    private let wall: any WallClock
    private let boot: BootIdentity
    private let registry: StoreRegistry
    private let phase = Mutex(Phase.unopened)

    init(
        path: String, configuration: SQLiteStoreConfiguration, wall: any WallClock, boot: BootIdentity,
        registry: StoreRegistry
    ) {
        self.path = path
        self.configuration = configuration
        self.wall = wall
        self.boot = boot
        self.registry = registry
    }

    deinit {
        let store = self.phase.withLock { phase -> Store? in
            if case .open(let store) = phase { store } else { nil }
        }
        if let store {
            // The store closes when the last engine is gone; nobody waits here, or the engine would be alive.
            let registry = self.registry
            Task { await registry.leave(store) }
        }
    }

    /// The store, joined on first use.
    ///
    /// - Throws: `closed` once ``close()`` was called.
    func store() throws(StoreError) -> Store {
        let store = self.phase.withLock { phase -> Store? in
            switch phase {
            case .open(let store):
                return store
            case .closed:
                return nil
            case .unopened:
                let store = self.registry.join(
                    path: self.path, configuration: self.configuration, boot: self.boot, wall: self.wall)
                phase = .open(store)
                return store
            }
        }
        guard let store else { throw StoreError(.closed, "the engine on \"\(self.path)\" was closed") }
        return store
    }

    /// Ends the membership; the last of the process on the file finishes what is queued and closes it.
    func close() async {
        let store = self.phase.withLock { phase -> Store? in
            defer { phase = .closed }
            if case .open(let store) = phase { return store }
            return nil
        }
        if let store { await self.registry.leave(store) }
    }
}
