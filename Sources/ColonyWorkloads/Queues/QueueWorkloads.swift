import ColonyCore
import ColonyQueues
import ColonySQLite

/// The workloads of the queue block that need neither a daemon nor another system: what `colony bench queues` runs.
///
/// All are on the embedded engine with bodies of 256 bytes, and every confirm comes after `fsync`. The Benchmarks package adds those
/// through HTTP and the comparison with RabbitMQ.
public enum QueueWorkloads {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] {
        [
            self.publishSingly, self.publishInBatches, self.publishOne, self.consume, self.consumeThroughPort,
            self.flow,
            self.latency, self.delayInsert, self.delayLateness, self.idle,
        ]
    }

    /// Workloads that take so much time or space that they run only when they are asked for by name.
    public static var onRequest: [Workload] { [self.depth] }

    /// The workload called `name`, or `nil`.
    public static func named(_ name: String) -> Workload? {
        (self.all + self.onRequest).first { $0.name == name }
    }

    /// A queue of bytes whose engine a workload can ask for more than programs may.
    typealias Queue = MessageQueue<[UInt8]>

    /// Makes a queue in a folder of its own, and closes its engine before the folder is removed.
    static func withQueue<Result>(
        _ options: WorkloadOptions, settings: QueueSettings = QueueSettings(),
        _ body: (_ queue: Queue, _ folder: String) async throws -> Result
    ) async throws -> Result {
        try await ScratchFolder.with(in: options.directory) { folder in
            let engine = SQLiteQueueEngine(
                path: "\(folder)/colony.db", clock: options.clock, boot: .current, registry: .shared)
            let queue = Queue("bench", on: engine, settings: settings, codec: .bytes, clock: options.clock)
            do {
                try await queue.declare()
                let result = try await body(queue, folder)
                await engine.close()
                return result
            } catch {
                await engine.close()
                throw error
            }
        }
    }
}
