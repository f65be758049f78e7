import ColonyCore
import ColonyQueues
import Foundation

extension QueueWorkloads {
    /// Publishing and handling at the same time, for a minute.
    static let flow = Workload(
        name: "queue-flow",
        title:
            "SQLite engine, publish, handle, and acknowledge in one process for a minute, 256 bytes, 1,000 publishing tasks, "
            + "a QueueConsumer of 100 handlers, at most 10,000 messages not yet handled",
        target: .atLeast(40_000, "msgs/s")
    ) { workload, options in
        try await Self.withQueue(options) { queue, folder in
            let seconds = 60
            let load = FlowLoad(queue, backlog: 10_000)
            let samples = try await load.run(publishers: Self.outstanding, concurrency: 100, prefetch: 1_000) {
                var samples = [FlowSample(load, at: options.clock.now)]
                for second in 1...seconds {
                    options.progress(workload.name, Double(second) / Double(seconds))
                    try await options.clock.sleep(for: .milliseconds(options.milliseconds(1_000)))
                    samples.append(FlowSample(load, at: options.clock.now))
                }
                return samples
            }
            // The first seconds fill caches and the file.
            let warm = samples[seconds / 10]
            let last = samples[seconds]
            let rates = zip(samples[(seconds / 10)...], samples[(seconds / 10 + 1)...]).map { $1.rate(since: $0) }
            var facts: [Measurement.Fact] = []
            if let before = warm.memory, let after = last.memory {
                facts += [
                    .init("memory when warm", before, "MiB"),
                    .init("memory at the end", after, "MiB"),
                ]
            }
            facts.append(.init("file at the end", Self.mebibytes("\(folder)/colony.db"), "MiB"))
            return Measurement(
                workload: workload.name, title: workload.title, figure: last.rate(since: warm), unit: "msgs/s",
                count: last.handled - warm.handled, spread: (rates.min() ?? 0)...(rates.max() ?? 0), facts: facts,
                target: workload.target)
        }
    }

    static func mebibytes(_ path: String) -> Double {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? NSNumber).map { $0.doubleValue / 1_048_576 } ?? 0
    }
}

/// Where a flow is at a moment.
private struct FlowSample: Sendable {
    let time: MonotonicInstant
    let handled: Int
    let memory: Double?

    init(_ load: FlowLoad, at time: MonotonicInstant) {
        self.time = time
        self.handled = load.handled
        self.memory = ProcessUse.residentMebibytes
    }

    func rate(since earlier: FlowSample) -> Double {
        let nanoseconds = earlier.time.duration(to: self.time).clampedNanoseconds
        return Double(self.handled - earlier.handled) / max(1e-9, Double(nanoseconds) / 1e9)
    }
}
