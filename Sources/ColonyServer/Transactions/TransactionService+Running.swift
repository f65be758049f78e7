import ColonyCore
import ColonyTransactions
import Logging
import NIOCore
import ServiceLifecycle

extension TransactionService {
    /// What works on transactions while the daemon runs.
    var services: [any Service] {
        self.running.map { [TransactionRunner(coordinator: $0, service: self)] } ?? []
    }

    /// Ends every wait and lets no new one begin.
    func drain() { self.register.drain() }

    /// Writes what the metrics tell of transactions.
    func writeMetrics(to body: inout ByteBuffer) async {
        guard let coordinator = self.running else { return }
        TransactionMetrics.write(coordinator.statistics, to: &body)
        if let standing = await self.gauges.standing(in: coordinator.journal) {
            TransactionGauges.write(standing, now: self.wallClock.now, to: &body)
        }
    }

    /// Tells the log and those who look what a coordinator tells.
    fileprivate func tell(_ event: TransactionEvent) {
        switch event {
        case .began, .finished: break
        case .claimed(let id, let key):
            self.logger.info(
                "a transaction goes on here", metadata: ["transaction": "\(id)", "definition": "\(key)"])
        case .retrying(let id, let step, let direction, let attempt, let reason):
            self.logger.debug(
                "a participant is called again",
                metadata: [
                    "transaction": "\(id)", "step": "\(step)", "direction": "\(direction.rawValue)",
                    "attempt": "\(attempt)", "reason": "\(reason)",
                ])
        case .turnedBack(let id, let cause, let reason):
            self.logger.info(
                "a transaction turns back",
                metadata: ["transaction": "\(id)", "cause": "\(cause.rawValue)", "reason": "\(reason)"])
        case .stuck(let id, let step, let direction, let reason):
            self.logger.error(
                "a transaction needs a person",
                metadata: [
                    "transaction": "\(id)", "step": "\(step)", "direction": "\(direction.rawValue)",
                    "reason": "\(reason)",
                ])
        case .lost(let id):
            self.logger.info("a transaction goes on elsewhere", metadata: ["transaction": "\(id)"])
        case .unknownDefinition(let key):
            // Programs that begin transactions of their own on this store work on them as well.
            self.logger.warning(
                "transactions that nobody works on have a definition that this server does not have",
                metadata: ["definition": "\(key)"])
        case .unreadable(let id, let reason):
            self.logger.error(
                "a transaction cannot be read, and nobody works on it",
                metadata: ["transaction": "\(id)", "reason": "\(reason)"])
        case .unreadableBeyond(let count):
            self.logger.error(
                "more transactions cannot be read, and nobody works on them", metadata: ["count": "\(count)"])
        case .journalFailed(let error):
            self.logger.warning("the journal of transactions failed", metadata: ["reason": "\(error.message)"])
        }
        self.hub.poke(.transactions)
    }
}

/// Runs the coordinator and passes on what it tells.
private struct TransactionRunner: Service {
    /// How often others on the same store are taken to have changed something, while anybody looks.
    static let pollInterval: Duration = .seconds(2)

    let coordinator: TransactionCoordinator
    let service: TransactionService

    func run() async throws {
        let events = self.coordinator.events()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in events { self.service.tell(event) }
            }
            group.addTask {
                while (try? await self.service.clock.sleep(for: Self.pollInterval)) != nil {
                    if self.service.hub.count > 0 { self.service.hub.poke(.transactions) }
                }
            }
            defer { group.cancelAll() }
            try await self.coordinator.run()
        }
    }
}
