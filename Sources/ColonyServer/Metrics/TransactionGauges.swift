import ColonyCore
import ColonyTransactions
import NIOCore
import Synchronization

/// How many transactions there are in each state, and how old the oldest open ones are.
///
/// The numbers are those of the store, whoever works on the transactions. Counting costs time in proportion to how many are kept; an answer
/// is shown again until ten times as long has passed as it took, so that those who ask take up a tenth of one core at the most.
final class TransactionGauges: Sendable {
    struct Standing: Sendable {
        var counts: [TransactionState: Int]
        /// When the oldest that is worked on was started, and the oldest that needs a person.
        var oldestOpen: WallTime?
        var oldestStuck: WallTime?
    }

    private struct State {
        var standing: Standing?
        var validUntil: MonotonicInstant?
        var isAsking = false
    }

    private let clock: any MonotonicClock
    private let state = Mutex(State())

    init(clock: any MonotonicClock) {
        self.clock = clock
    }

    /// How it stands, or stood shortly before; `nil` if the journal has never answered.
    func standing(in journal: any TransactionAdministration) async -> Standing? {
        let start = self.clock.now
        let (known, mustAsk) = self.state.withLock { state -> (Standing?, Bool) in
            if state.standing != nil, state.isAsking || state.validUntil.map({ start < $0 }) ?? false {
                return (state.standing, false)
            }
            state.isAsking = true
            return (state.standing, true)
        }
        guard mustAsk else { return known }
        let new = await Self.ask(journal)
        let now = self.clock.now
        return self.state.withLock { state in
            state.isAsking = false
            state.standing = new ?? state.standing
            state.validUntil = now.advanced(by: start.duration(to: now) * 10)
            return state.standing
        }
    }

    private static func ask(_ journal: any TransactionAdministration) async -> Standing? {
        do throws(TransactionError) {
            let counts = try await journal.counts()
            let open = try await journal.list([.running, .compensating], limit: 1, after: nil).first
            let stuck = try await journal.list([.stuck], limit: 1, after: nil).first
            return Standing(counts: counts, oldestOpen: open?.startedAt, oldestStuck: stuck?.startedAt)
        } catch {
            return nil
        }
    }

    static func write(_ standing: Standing, now: WallTime, to body: inout ByteBuffer) {
        PrometheusRegistry.writeHeader(
            "colony_transactions", .gauge, help: "Transactions in the store, by where they stand.", to: &body)
        for state in TransactionState.allCases {
            body.writeString("colony_transactions{state=\"\(state.rawValue)\"} \(standing.counts[state] ?? 0)\n")
        }
        PrometheusRegistry.writeHeader(
            "colony_transaction_oldest_age_seconds", .gauge,
            help: "How long ago the oldest transaction was started that is open or stuck; 0 without one.", to: &body)
        for (name, started) in [("open", standing.oldestOpen), ("stuck", standing.oldestStuck)] {
            let age = started.map { max(0, now.millisecondsSince1970 - $0.millisecondsSince1970) } ?? 0
            body.writeString(
                "colony_transaction_oldest_age_seconds{state=\"\(name)\"} "
                    + "\(PrometheusRegistry.text(Double(age) / 1_000))\n")
        }
    }
}
