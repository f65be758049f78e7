import ColonyCore
import Synchronization

/// Keeps the latest clients of a store that is verified. A client that nobody refers to any more may end what it holds, and some
/// cases look afterwards at what was granted.
final class EngineShelf: Sendable {
    private let engines = Mutex<[any LeaseEngine]>([])
    /// More than any case makes, and few enough for the connections that a server allows.
    private let capacity = 8

    func keep(_ engine: any LeaseEngine) -> any LeaseEngine {
        let last = self.engines.withLock { engines -> (any LeaseEngine)? in
            engines.append(engine)
            return engines.count > self.capacity ? engines.removeFirst() : nil
        }
        // Ended outside the lock.
        withExtendedLifetime(last) {}
        return engine
    }
}
