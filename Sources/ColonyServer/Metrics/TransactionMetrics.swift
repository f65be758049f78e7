import ColonyCore
import ColonyTransactions
import NIOCore

/// What the daemon counts of transactions, beside what its coordinator counts itself.
final class TransactionMetrics: Sendable {
    private let decisions: [String: PrometheusCounter]

    init(registry: PrometheusRegistry) {
        self.decisions = Dictionary(
            uniqueKeysWithValues: ["retry", "skip", "turn-back", "resolve", "cancel"].map { decision in
                (
                    decision,
                    registry.counter(
                        "colony_transaction_decisions_total", [("decision", decision)],
                        help: "What people have decided about transactions here.")
                )
            })
    }

    func intervened(_ decision: TransactionService.Decision) {
        self.decisions[decision.rawValue]?.increment(by: 1)
    }

    /// Writes what the coordinator of this process has done.
    static func write(_ statistics: CoordinatorStatistics, to body: inout ByteBuffer) {
        func family(
            _ name: String, _ kind: PrometheusRegistry.Kind, _ help: String, _ values: [(labels: String, value: Int)]
        ) {
            PrometheusRegistry.writeHeader(name, kind, help: help, to: &body)
            for (labels, value) in values { body.writeString("\(name)\(labels) \(value)\n") }
        }
        family(
            "colony_transactions_in_flight", .gauge, "Transactions that this server is working on.",
            [("", statistics.inFlight)])
        family(
            "colony_transactions_begun_total", .counter, "Transactions that were begun here.",
            [("", Int(statistics.begun))])
        family(
            "colony_transactions_claimed_total", .counter,
            "Transactions whose coordinator was gone and that this server has gone on with.",
            [("", Int(statistics.claimed))])
        family(
            "colony_transactions_ended_total", .counter, "Transactions that ended here or were handed to a person.",
            [
                ("{outcome=\"completed\"}", Int(statistics.completed)),
                ("{outcome=\"compensated\"}", Int(statistics.compensated)),
                ("{outcome=\"stuck\"}", Int(statistics.stuck)),
            ])
        family(
            "colony_transaction_calls_total", .counter, "Calls of participants.", [("", Int(statistics.calls))])
        family(
            "colony_transaction_unknown_outcomes_total", .counter,
            "Calls that ended without a known outcome and are repeated.", [("", Int(statistics.unknownOutcomes))])
    }
}
