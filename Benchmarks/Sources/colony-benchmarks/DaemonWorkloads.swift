import ColonyCore
import ColonyWorkloads
import Foundation

/// The workloads that need the built daemon, and the comparison with etcd.
struct DaemonWorkloads: Sendable {
    /// The built executable.
    let colony: String
    /// The built client of etcd.
    let etcdLocks: String

    var all: [Workload] {
        [self.http, self.etcd, self.held, self.start, self.help]
    }

    private static let connections = 64

    var http: Workload {
        Workload(
            name: "http-64", title: "a daemon on SQLite through HTTP, acquire and release, 64 connections, a name each",
            target: .atLeast(15_000, "pairs/s")
        ) { workload, options in
            let rounds = 5
            let outcomes = try ScratchFolder.blocking(in: options.directory) { folder in
                let daemon = try RunningDaemon(colony: self.colony, folder: folder, clock: options.clock)
                defer { daemon.stop() }
                let load = try PairLoadOverHTTP(port: daemon.port, connections: Self.connections, clock: options.clock)
                _ = try load.run(for: .milliseconds(options.milliseconds(1_000)))
                return try (0..<rounds).map { round in
                    options.progress(workload.name, Double(round) / Double(rounds))
                    return try load.run(for: .milliseconds(options.milliseconds(2_000)))
                }
            }
            let rates = outcomes.map(\.rate).sorted()
            return Measurement(
                workload: workload.name, title: workload.title, figure: rates[rates.count / 2], unit: "pairs/s",
                count: outcomes.reduce(0) { $0 + $1.pairs }, latency: Percentiles(outcomes.flatMap(\.samples)),
                spread: rates[0]...rates[rates.count - 1], target: workload.target)
        }
    }

    private var etcd: Workload {
        Workload(
            name: "http-64-over-etcd",
            title:
                "the same load, in turn with one etcd of default settings and 64 of its own clients on the same disk",
            target: .atLeast(2, "× etcd")
        ) { workload, options in
            let peer = try EtcdPeer(client: self.etcdLocks)
            let seconds = Double(options.milliseconds(3_000)) / 1_000
            var ours: [Double] = []
            var theirs: [String: [EtcdPeer.Outcome]] = [:]
            var count = 0
            let rounds = 3
            for round in 0..<rounds {
                options.progress(workload.name, Double(round) / Double(rounds))
                try ScratchFolder.blocking(in: options.directory) { folder in
                    let daemon = try RunningDaemon(colony: self.colony, folder: folder, clock: options.clock)
                    defer { daemon.stop() }
                    let load = try PairLoadOverHTTP(
                        port: daemon.port, connections: Self.connections, clock: options.clock)
                    _ = try load.run(for: .milliseconds(options.milliseconds(300)))
                    let outcome = try load.run(for: .milliseconds(options.milliseconds(3_000)))
                    ours.append(outcome.rate)
                    count += outcome.pairs
                }
                for mode in ["mutex", "txn"] {
                    try ScratchFolder.blocking(in: options.directory) { folder in
                        theirs[mode, default: []].append(
                            try peer.measure(
                                mode: mode, clients: Self.connections, seconds: seconds, folder: folder,
                                clock: options.clock))
                    }
                }
            }
            func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
            let rates = theirs.mapValues { median($0.map(\.pairs_per_second)) }
            let best = rates.values.max() ?? 0
            let ratios = ours.map { $0 / best }.sorted()
            return Measurement(
                workload: workload.name, title: workload.title, figure: median(ours) / best, unit: "× etcd",
                count: count,
                spread: ratios[0]...ratios[ratios.count - 1],
                facts: [
                    .init("colony", median(ours), "pairs/s"),
                    .init("etcd, concurrency.Mutex", rates["mutex"] ?? 0, "pairs/s"),
                    .init("etcd, bare transactions", rates["txn"] ?? 0, "pairs/s"),
                    .init("etcd, concurrency.Mutex, p99", median((theirs["mutex"] ?? []).map(\.p99_us)) / 1_000, "ms"),
                ],
                target: workload.target)
        }
    }

    private var start: Workload {
        Workload(
            name: "daemon-start", title: "colony serve on an empty folder, until /readyz answers 200",
            target: .atMost(300, "ms")
        ) { workload, options in
            try Self.times(of: workload, options.count(20, atLeast: 2), options: options) { folder in
                let daemon = try RunningDaemon(colony: self.colony, folder: folder, clock: options.clock)
                // The clock stops here; stopping the daemon is not part of the figure.
                return { daemon.stop() }
            }
        }
    }

    private var help: Workload {
        Workload(name: "help", title: "colony --help, from start to exit", target: .atMost(50, "ms")) {
            workload, options in
            try Self.times(of: workload, options.count(50, atLeast: 2), options: options) { _ in
                let code = try ChildProcess(self.colony, ["--help"]).wait()
                guard code == 0 else { throw WorkloadError("colony --help ended with \(code)") }
                return {}
            }
        }
    }

    private static func times(
        of workload: Workload, _ count: Int, options: WorkloadOptions, _ body: (String) throws -> () -> Void
    ) throws -> Measurement {
        // The first run reads the executable from disk and is left out.
        var samples: [Duration] = []
        for number in 0...count {
            options.progress(workload.name, Double(number) / Double(count + 1))
            try ScratchFolder.blocking(in: options.directory) { folder in
                let start = options.clock.now
                let finish = try body(folder)
                let time = start.duration(to: options.clock.now)
                finish()
                if number > 0 { samples.append(time) }
            }
        }
        let percentiles = Percentiles(samples)
        let milliseconds = samples.map {
            Double($0.components.attoseconds) / 1e15 + Double($0.components.seconds) * 1e3
        }
        return Measurement(
            workload: workload.name, title: workload.title, figure: percentiles.p99Microseconds / 1_000, unit: "ms",
            count: samples.count, latency: percentiles,
            spread: (milliseconds.min() ?? 0)...(milliseconds.max() ?? 0), target: workload.target)
    }
}
