import ColonyCore
import ColonyQueues
import ColonySQLite
import ColonyTransactions

extension TransactionWorkloads {
    /// Messages that move from an outbox into a queue of the same file.
    ///
    /// What is measured is the relay: the messages are there before. The caller's own transaction costs a row for each.
    static let outbox = Workload(
        name: "outbox-sqlite", title: "outbox to queue in the same SQLite file, messages of 128 bytes",
        target: .atLeast(25_000, "messages/s")
    ) { workload, options in
        try await ScratchFolder.with(in: options.directory) { folder in
            let engine = SQLiteQueueEngine(path: "\(folder)/colony.db")
            let outbox = SQLiteOutbox(path: "\(folder)/colony.db")
            do {
                let count = options.count(50_000, atLeast: 20)
                var rounds = Rounds()
                for round in 0...Rounds.full {
                    options.progress(workload.name, Double(round) / Double(Rounds.full + 1))
                    let queue = QueueName(literal: "work-\(round)")
                    try await engine.declare(queue, QueueSettings())
                    try await outbox.fill(with: OutboxLoad.message, times: count, to: queue)
                    let time = try await OutboxLoad.relay(count, from: outbox, to: engine, clock: options.clock)
                    // The first one warms up.
                    if round > 0 { rounds.add(operations: count, in: time) }
                }
                await outbox.close()
                await engine.close()
                return Measurement(
                    workload: workload.name, title: workload.title, figure: rounds.median, unit: "messages/s",
                    count: rounds.count, spread: rounds.spread, target: workload.target)
            } catch {
                await outbox.close()
                await engine.close()
                throw error
            }
        }
    }
}
