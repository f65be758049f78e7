import ColonyCore
import ColonyWorkloads

/// The queues of the built daemon, through HTTP.
struct QueueDaemonWorkloads: Sendable {
    /// The built executable.
    let colony: String

    var all: [Workload] { [self.publish, self.idle] }

    private static let connections = 10
    private static let batch = 100
    private static let body = String(repeating: "m", count: 256)

    private var publish: Workload {
        Workload(
            name: "http-queue-publish",
            title:
                "a daemon on SQLite through HTTP, publish and confirm, 256 bytes, 10 connections with a batch of 100 each under way",
            target: .atLeast(50_000, "msgs/s")
        ) { workload, options in
            let rounds = 5
            let outcomes = try ScratchFolder.blocking(in: options.directory) { folder in
                try self.outcomes(rounds, folder: folder, options) { round in
                    options.progress(workload.name, Double(round) / Double(rounds))
                }
            }
            let rates = outcomes.map { $0.rate(per: Self.batch) }.sorted()
            return Measurement(
                workload: workload.name, title: workload.title, figure: rates[rates.count / 2], unit: "msgs/s",
                count: outcomes.reduce(0) { $0 + $1.answers * Self.batch },
                latency: Percentiles(outcomes.flatMap(\.samples)),
                spread: rates[0]...rates[rates.count - 1], target: workload.target)
        }
    }

    /// The rate of one round, for comparisons.
    func rate(_ folder: String, _ options: WorkloadOptions) throws -> Double {
        try self.outcomes(1, folder: folder, options) { _ in }[0].rate(per: Self.batch)
    }

    private func outcomes(
        _ rounds: Int, folder: String, _ options: WorkloadOptions, _ progress: (Int) -> Void
    ) throws -> [RepeatedRequestOverHTTP.Outcome] {
        let daemon = try RunningDaemon(colony: self.colony, folder: folder, clock: options.clock)
        defer { daemon.stop() }
        try Self.declare(["bench"], port: daemon.port)
        let messages = repeatElement(#"{"body":"\#(Self.body)"}"#, count: Self.batch).joined(separator: ",")
        let load = try RepeatedRequestOverHTTP(
            port: daemon.port, connections: Self.connections,
            request: HTTPMessage.post("/v1/queues/bench/messages", #"{"messages":[\#(messages)]}"#),
            clock: options.clock)
        _ = try load.run(for: .milliseconds(options.milliseconds(500)))
        return try (0..<rounds).map { round in
            progress(round)
            return try load.run(for: .milliseconds(options.milliseconds(2_000)))
        }
    }

    private var idle: Workload {
        Workload(
            name: "http-queue-idle",
            title: "a daemon on SQLite with 1,000 queues that nobody uses, for 30 s: its processor time",
            target: .atMost(1, "% of a core")
        ) { workload, options in
            try ScratchFolder.blocking(in: options.directory) { folder in
                let daemon = try RunningDaemon(colony: self.colony, folder: folder, clock: options.clock)
                defer { daemon.stop() }
                let count = options.count(1_000, atLeast: 2)
                try Self.declare((0..<count).map { "idle-\($0)" }, port: daemon.port)
                Pause.milliseconds(UInt32(options.milliseconds(2_000)))
                let before = try daemon.process.processorTime()
                let start = options.clock.now
                Pause.milliseconds(UInt32(options.milliseconds(30_000)))
                let used = try daemon.process.processorTime() - before
                return Measurement(
                    workload: workload.name, title: workload.title,
                    figure: used / start.duration(to: options.clock.now) * 100, unit: "% of a core", count: count,
                    facts: [.init("memory", try daemon.process.memoryKibibytes("VmRSS") / 1_024, "MiB")],
                    target: workload.target)
            }
        }
    }

    private static func declare(_ queues: [String], port: UInt16) throws {
        let client = try HTTPClient(port: port)
        for queue in queues {
            let answer = try client.ask(HTTPMessage.put("/v1/queues/\(queue)", "{}"))
            guard answer.status == 200 || answer.status == 201 else {
                let text = String(decoding: answer.body.prefix(300), as: UTF8.self)
                throw WorkloadError("the queue \(queue) was not made: \(answer.status) \(text)")
            }
        }
    }
}
