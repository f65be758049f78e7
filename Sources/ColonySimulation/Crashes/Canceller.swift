import ColonyTransactions
import Synchronization

/// Cancels a transaction when it is told to, also if that is before it is known which one it is.
final class Canceller: Sendable {
    private struct State {
        var coordinator: TransactionCoordinator?
        var id: TransactionID?
        var isDue = false
    }

    private let state = Mutex(State())

    func aim(at coordinator: TransactionCoordinator, _ id: TransactionID? = nil) {
        self.act { state in
            state.coordinator = coordinator
            state.id = id
        }
    }

    func cancel() {
        self.act { $0.isDue = true }
    }

    private func act(_ change: (inout State) -> Void) {
        let aim = self.state.withLock { state -> (TransactionCoordinator, TransactionID)? in
            change(&state)
            guard state.isDue, let coordinator = state.coordinator, let id = state.id else { return nil }
            state.isDue = false
            return (coordinator, id)
        }
        if let (coordinator, id) = aim { coordinator.cancel(id) }
    }
}

/// The world of a run, for who looks at it afterwards.
final class WorldBox<World: Sendable>: Sendable {
    private let box = Mutex<World?>(nil)

    var value: World? { self.box.withLock { $0 } }

    func set(_ world: World) { self.box.withLock { $0 = world } }
}
