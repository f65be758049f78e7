import ColonyTransactions
import Logging
import ServiceLifecycle

/// Writes down what is worth knowing of the sagas of a shop.
struct EventLog: Service {
    private let events: AsyncStream<TransactionEvent>
    private let logger = Logger(label: "orders")

    init(_ coordinator: TransactionCoordinator) {
        self.events = coordinator.events()
    }

    func run() async throws {
        for await event in self.events.cancelOnGracefulShutdown() {
            switch event {
            case .claimed(let order, _): self.logger.info("taken over", metadata: ["order": "\(order)"])
            case .turnedBack(let order, _, let reason):
                self.logger.info("turned back", metadata: ["order": "\(order)", "reason": "\(reason)"])
            case .stuck(let order, let step, _, let reason):
                // Here a person is needed. Ring somebody.
                self.logger.critical(
                    "stuck", metadata: ["order": "\(order)", "step": "\(step)", "reason": "\(reason)"])
            default: break
            }
        }
    }
}
