import ColonyCore
import ColonyQueues
import NIOCore
import Synchronization

/// What the metrics tell of queues one by one, up to a number of them, in the order of their names.
///
/// The numbers are those of the store, so they go on over restarts of the daemon and count what other processes do with the
/// file as well. Asking for them costs time in proportion to the number of queues; they are shown again until ten times as
/// long has passed as it took, so that scrapers take up a tenth of one core at the most however often they come.
final class QueueGauges: Sendable {
    private struct State {
        var records: [QueueRecord] = []
        var validUntil: MonotonicInstant?
        var isAsking = false
    }

    private let clock: any MonotonicClock
    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: How many queues are told of.
    init(limit: Int, clock: any MonotonicClock) {
        self.limit = limit
        self.clock = clock
    }

    /// The queues as they stand, or as they stood shortly before; those of which the store does not answer are left out.
    func records(of engine: any QueueAdministration) async -> [QueueRecord] {
        guard self.limit > 0 else { return [] }
        let start = self.clock.now
        let (known, mustAsk) = self.state.withLock { state -> ([QueueRecord], Bool) in
            if state.isAsking || state.validUntil.map({ start < $0 }) ?? false { return (state.records, false) }
            state.isAsking = true
            return (state.records, true)
        }
        guard mustAsk else { return known }
        let records = await self.ask(engine)
        let now = self.clock.now
        self.state.withLock { state in
            state.isAsking = false
            state.records = records
            state.validUntil = now.advanced(by: start.duration(to: now) * 10)
        }
        return records
    }

    /// All at once, so that a store that commits in groups does so once for all.
    private func ask(_ engine: any QueueAdministration) async -> [QueueRecord] {
        guard let page = try? await engine.queues(after: nil, limit: self.limit) else { return [] }
        return await withTaskGroup(of: QueueRecord?.self) { group in
            for record in page {
                group.addTask { (try? await engine.inspect(record.name)) ?? nil }
            }
            var records: [QueueRecord] = []
            for await record in group {
                if let record { records.append(record) }
            }
            return records.sorted { $0.name < $1.name }
        }
    }

    /// Writes the series of some queues.
    static func write(_ records: [QueueRecord], now: WallTime, to body: inout ByteBuffer) {
        guard !records.isEmpty else { return }
        let labels = records.map { PrometheusRegistry.labels([("queue", $0.name.rawValue)]) }
        func family(
            _ name: String, _ kind: PrometheusRegistry.Kind, _ help: String, _ value: (QueueRecord) -> Double
        ) {
            PrometheusRegistry.writeHeader(name, kind, help: help, to: &body)
            for (record, label) in zip(records, labels) {
                body.writeString("\(name){\(label)} \(PrometheusRegistry.text(value(record)))\n")
            }
        }
        func total(_ name: String, _ help: String, _ value: (QueueTotals) -> Int) {
            family("colony_queue_\(name)_total", .counter, help) { Double(value($0.totals)) }
        }
        total("published", "Messages that a queue has taken.") { $0.published }
        total("delivered", "Deliveries; a message that is tried again counts again.") { $0.delivered }
        total("acknowledged", "Messages that are done.") { $0.acknowledged }
        total("dropped", "Messages given up for room, with nowhere to go.") { $0.dropped }
        total("leases_lost", "Leases that ran out: consumers that died or were too slow.") { $0.leasesLost }
        total("undelayed", "Messages whose delay has ended.") { $0.undelayed }
        family("colony_queue_lateness_seconds_total", .counter, "How late messages became ready whose delay had ended, in all.") {
            Double($0.totals.lateness.clampedNanoseconds) / 1e9
        }
        PrometheusRegistry.writeHeader("colony_queue_messages", .gauge, help: "Messages, by where they stand.", to: &body)
        for (record, label) in zip(records, labels) {
            let standing = record.statistics
            for (state, count) in [
                ("ready", standing.ready), ("waiting", standing.waiting), ("delayed", standing.delayed),
                ("leased", standing.leased), ("dead", standing.dead),
            ] {
                body.writeString("colony_queue_messages{\(label),state=\"\(state)\"} \(count)\n")
            }
        }
        family("colony_queue_bytes", .gauge, "Bodies, keys, and headers of all messages.") { Double($0.statistics.bytes) }
        family("colony_queue_capacity", .gauge, "The most messages.") { Double($0.settings.capacity) }
        family("colony_queue_capacity_bytes", .gauge, "The most bytes of messages.") { Double($0.settings.capacityBytes) }
        family("colony_queue_oldest_age_seconds", .gauge, "The age of the oldest message that can be delivered; 0 without one.") {
            $0.oldestReady.map {
                Double(max(0, now.millisecondsSince1970 - $0.millisecondsSince1970)) / 1_000
            } ?? 0
        }
        family("colony_queue_paused", .gauge, "Whether an operator has paused the queue.") { $0.isPaused ? 1 : 0 }
    }
}
