import ColonyCore
import Synchronization

/// Which limit the latest request of each semaphore brought. The store does not keep it, and whoever looks wants to know how
/// many permits are in use *of how many*.
final class SeenLimits: Sendable {
    private struct State {
        var limits: [LeaseName: Int] = [:]
        /// The names in the order of their first request, as a ring.
        var names: [LeaseName] = []
        var next = 0
    }

    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: How many names are remembered; a new one then takes the place of the oldest.
    init(capacity: Int = 10_000) {
        precondition(capacity > 0, "at least one name is remembered, not \(capacity)")
        self.capacity = capacity
    }

    subscript(name: LeaseName) -> Int? { self.state.withLock { $0.limits[name] } }

    func note(_ name: LeaseName, _ limit: Int) {
        self.state.withLock { state in
            if state.limits.updateValue(limit, forKey: name) != nil { return }
            if state.names.count < self.capacity {
                state.names.append(name)
            } else {
                state.limits[state.names[state.next]] = nil
                state.names[state.next] = name
                state.next = (state.next + 1) % self.capacity
            }
        }
    }
}
