import ColonyCore
import ColonyWorkloads
import Foundation

/// One engine on its server: pairs beside the server's own client, hand-overs, and elections.
///
/// Each workload has a server of its own, which starts with nothing. Engine and client run in turn on the same one.
struct CoordinationComparison: Sendable {
    let kind: CoordinationKind
    let clients: PairsPeer.Programs

    /// The lease of elections.
    private static let lease: Duration = .seconds(6)
    private static let rounds = 5

    var all: [Workload] { [self.pairs, self.handOver, self.election] }

    // MARK: Pairs

    private var pairs: Workload {
        Workload(
            name: "\(self.kind.rawValue)-pairs",
            title:
                "\(self.kind.title), acquire and release through the port, \(EngineLoad.clients) tasks on one engine, a "
                + "name each, in turn with \(PairsPeer.title(of: self.kind)) on the same server",
            target: .atLeast(self.kind.share, "% of the client")
        ) { workload, options in
            try await self.withServer(options) { server in
                let peers = try await PairsPeer.all(server, self.clients, clock: options.clock)
                let opened = try CoordinationKind.open(server.url())
                return try await Self.closing([opened]) {
                    try await self.measurePairs(of: workload, opened.engine, peers, options)
                }
            }
        }
    }

    private func measurePairs(
        of workload: Workload, _ engine: any LeaseEngine, _ peers: [PairsPeer], _ options: WorkloadOptions
    ) async throws -> Measurement {
        let span = Duration.milliseconds(options.milliseconds(3_000))
        func own(_ span: Duration) async throws -> EngineLoad.Pairs {
            try await EngineLoad.pairs(for: span, under: "bench", on: engine, clock: options.clock)
        }
        _ = try await own(span / 3)
        for peer in peers { _ = try await peer.measure(span / 3) }
        var ours: [EngineLoad.Pairs] = []
        var theirs: [[Double]] = peers.map { _ in [] }
        var shares: [Double] = []
        for round in 0..<Self.rounds {
            options.progress(workload.name, Double(round) / Double(Self.rounds))
            ours.append(try await own(span))
            for (index, peer) in peers.enumerated() { theirs[index].append(try await peer.measure(span)) }
            // The ceiling is the client that did best in this round.
            let ceiling = zip(peers, theirs).filter { $0.0.isCeiling }.compactMap { $0.1.last }.max() ?? 0
            shares.append(100 * ours[round].rate / ceiling)
        }
        func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
        shares.sort()
        return Measurement(
            workload: workload.name, title: workload.title, figure: median(shares), unit: "% of the client",
            count: ours.reduce(0) { $0 + $1.count }, latency: Percentiles(ours.flatMap(\.samples)),
            spread: shares[0]...shares[shares.count - 1],
            facts: [.init("colony", median(ours.map(\.rate)), "pairs/s")]
                + zip(peers, theirs).map { .init($0.0.name, median($0.1), "pairs/s") },
            target: workload.target)
    }

    // MARK: Hand-overs

    private var handOver: Workload {
        Workload(
            name: "\(self.kind.rawValue)-hand-over",
            title:
                "\(self.kind.title), one lock, \(EngineLoad.clients) waiters with an engine and a connection each: from just "
                + "before a release to just after the next grant, p99; the spread is that of rounds",
            target: .atMost(self.kind.handOverMilliseconds, "ms")
        ) { workload, options in
            try await self.withServer(options) { server in
                let folder = "\(server.folder)/.."
                let url = server.url(self.kind == .postgres ? "connections=1" : "")
                let opened = try (0..<EngineLoad.clients).map { _ in try CoordinationKind.open(url) }
                return try await Self.closing(opened) {
                    var rounds: [[Duration]] = []
                    var writes: [Duration] = []
                    for round in 0..<Self.rounds {
                        options.progress(workload.name, Double(round) / Double(Self.rounds))
                        writes += try DiskLatency.durableWrites(options.count(200), in: folder, clock: options.clock)
                        rounds.append(
                            try await EngineLoad.handOvers(
                                for: .milliseconds(options.milliseconds(2_500)), of: "bench/hand-over",
                                on: opened.map(\.engine), clock: options.clock))
                    }
                    let all = rounds.flatMap { $0 }
                    let percentiles = Percentiles(all)
                    let disk = Percentiles(writes)
                    let each = rounds.map { Percentiles($0).p99Microseconds / 1_000 }
                    return Measurement(
                        workload: workload.name, title: workload.title, figure: percentiles.p99Microseconds / 1_000,
                        unit: "ms", count: all.count, latency: percentiles,
                        spread: (each.min() ?? 0)...(each.max() ?? 0),
                        facts: [
                            .init("the longest of all", 1e3 * (all.max() ?? .zero).inSeconds, "ms"),
                            .init("a durable write of 8 KiB, median", disk.medianMicroseconds / 1_000, "ms"),
                            .init("a durable write of 8 KiB, p99", disk.p99Microseconds / 1_000, "ms"),
                        ],
                        target: workload.target)
                }
            }
        }
    }

    // MARK: Elections

    private var election: Workload {
        let lease = Self.lease
        let bound = (lease + .seconds(1)).inSeconds
        // Its servers look for dead sessions once in a tick, so that a session ends up to a tick after its timeout.
        let settings = self.kind == .zookeeper ? "session_timeout_ms=4500" : ""
        return Workload(
            name: "\(self.kind.rawValue)-election",
            title: "\(self.kind.title), SIGKILL of a process that leads with a lease of \(lease.text)"
                + (settings.isEmpty ? "" : " (\(settings), tickTime=2000)")
                + ", until the next candidate leads; the longest of all rounds",
            target: .atMost(bound, "s")
        ) { workload, options in
            try await self.withServer(options) { server in
                let rounds = options.count(Self.rounds)
                var times: [Duration] = []
                for round in 0..<rounds {
                    options.progress(workload.name, Double(round) / Double(rounds))
                    // Between two renewals, at another point in each round.
                    let pause = lease / 3 * Double(round) / Double(rounds) + .milliseconds(500)
                    times.append(
                        try await LeaderRound(
                            url: server.url(settings), lease: lease, folder: server.folder, round: round
                        )
                        .replacement(after: pause, clock: options.clock))
                }
                times.sort()
                let seconds = times.map(\.inSeconds)
                return Measurement(
                    workload: workload.name, title: workload.title, figure: seconds[rounds - 1], unit: "s",
                    count: rounds,
                    latency: Percentiles(times), spread: seconds[0]...seconds[rounds - 1], target: workload.target)
            }
        }
    }

    // MARK: Parts

    private func withServer(
        _ options: WorkloadOptions, _ body: (CoordinationServer) async throws -> Measurement
    ) async throws -> Measurement {
        try await ScratchFolder.with(in: options.directory) { folder in
            let path = URL(filePath: folder).standardizedFileURL.path
            // The user of PostgreSQL must get to its own folder.
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            let own = "\(path)/server"
            try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: false)
            let server = try CoordinationServer(self.kind, folder: own, clock: options.clock)
            defer { server.stop() }
            return try await body(server)
        }
    }

    private static func closing<Value>(
        _ opened: [StoreWorkloads.Opened], _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            let value = try await body()
            for each in opened { await each.close() }
            return value
        } catch {
            for each in opened { await each.close() }
            throw error
        }
    }
}
