import ColonyCore
import ColonyWorkloads

/// Queues beside RabbitMQ: the same load in turn, three rounds each, on the same disk.
struct QueueComparison: Sendable {
    /// The built executable.
    let colony: String
    /// The built client of RabbitMQ.
    let client: String

    var all: [Workload] { [self.publish, self.consume] }

    private static let rounds = 3
    private static let outstanding = 1_000
    /// The queue types of RabbitMQ that survive a restart, as its client calls them.
    private static let types = ["quorum", "classic", "classic-2"]
    /// A publisher is said to be best with one connection, and a quorum queue likes several.
    private static let connections = [1, 4]

    private var publish: Workload {
        Workload(
            name: "queue-publish-over-rabbitmq",
            title:
                "publish and confirm, 256 bytes, 1,000 outstanding: the embedded engine in turn with one RabbitMQ on the same disk, "
                + "persistent messages, publisher confirms, the better of 1 and 4 connections of its C client",
            target: .atLeast(2.5, "× RabbitMQ quorum")
        ) { workload, options in
            try await self.compare(workload, options, own: "queue-publish") { type, peer, port, folder in
                try Self.connections.map { connections in
                    try peer.publish(
                        type: type, connections: connections, outstanding: Self.outstanding,
                        seconds: Double(options.milliseconds(3_000)) / 1_000, port: port, folder: folder
                    )
                }
            }
        }
    }

    private var consume: Workload {
        Workload(
            name: "queue-consume-over-rabbitmq",
            title:
                "consume and acknowledge a backlog, 256 bytes: the embedded engine's consumer in turn with one RabbitMQ on the same "
                + "disk, 1,000 messages ahead, each hundred acknowledged at once"
        ) { workload, options in
            try await self.compare(workload, options, own: "queue-consume") { type, peer, port, folder in
                [
                    try peer.consume(
                        type: type, messages: options.count(200_000, atLeast: 1_000), port: port, folder: folder)
                ]
            }
        }
    }

    /// - Parameter theirs: Measures one queue type in one or several ways, of which the fastest counts.
    private func compare(
        _ workload: Workload, _ options: WorkloadOptions, own name: String,
        _ theirs: (_ type: String, _ peer: RabbitMQPeer, _ port: UInt16, _ folder: String) throws -> [RabbitMQPeer
            .Outcome]
    ) async throws -> Measurement {
        let peer = try RabbitMQPeer(client: self.client)
        guard let own = QueueWorkloads.named(name) else { throw WorkloadError("there is no workload \(name)") }
        var ours: [Double] = []
        var http: [Double] = []
        var best: [String: [RabbitMQPeer.Outcome]] = [:]
        var count = 0
        for round in 0..<Self.rounds {
            options.progress(workload.name, Double(round) / Double(Self.rounds))
            let measurement = try await own.run(options)
            ours.append(measurement.figure)
            count += measurement.count
            if name == "queue-publish" {
                http.append(
                    try ScratchFolder.blocking(in: options.directory) { folder in
                        try QueueDaemonWorkloads(colony: self.colony).rate(folder, options)
                    })
            }
            try ScratchFolder.blocking(in: options.directory) { folder in
                try peer.withServer(in: folder, clock: options.clock) { port in
                    for type in Self.types {
                        let outcomes = try theirs(type, peer, port, folder)
                        if let fastest = outcomes.max(by: { $0.messages_per_second < $1.messages_per_second }) {
                            best[type, default: []].append(fastest)
                        }
                    }
                }
            }
        }
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        let quorum = (best["quorum"] ?? []).map(\.messages_per_second)
        let ratios = zip(ours, quorum).map { $0 / $1 }
        var facts = [Measurement.Fact("colony, embedded", median(ours), "msgs/s")]
        if !http.isEmpty { facts.append(.init("colony serve through HTTP, in batches of 100", median(http), "msgs/s")) }
        for type in Self.types {
            guard let outcomes = best[type] else { continue }
            facts.append(.init("RabbitMQ \(type)", median(outcomes.map(\.messages_per_second)), "msgs/s"))
            if name == "queue-publish" {
                facts.append(.init("RabbitMQ \(type), p99", median(outcomes.map(\.p99_us)) / 1_000, "ms"))
                facts.append(
                    .init(
                        "RabbitMQ \(type), connections", median(outcomes.map { Double($0.connections) }), "connections")
                )
            }
        }
        return Measurement(
            workload: workload.name, title: workload.title, figure: median(ratios), unit: "× RabbitMQ quorum",
            count: count,
            spread: (ratios.min() ?? 0)...(ratios.max() ?? 0), facts: facts, target: workload.target)
    }
}
