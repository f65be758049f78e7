import ColonyCore
import ColonyWorkloads
import Foundation

/// A client of others that does what a pair asks of the server, and nothing else.
struct PairsPeer {
    /// What of others has to be built for this.
    struct Programs: Sendable {
        var etcdLocks: String
        var zookeeperPairs: String
    }

    let name: String
    /// Whether the engine is compared with it; otherwise it is only shown.
    let isCeiling: Bool
    /// Runs for about so long and gives its pairs a second.
    let measure: (_ span: Duration) async throws -> Double

    /// The client in words.
    static func title(of kind: CoordinationKind) -> String {
        switch kind {
        case .redis:
            "redis-benchmark -c 64 EVALSHA, a script that does the work of the engine's two in turn; two calls are a pair"
        case .postgres: "pgbench -c 64 -j 2 -M prepared, the engine's two statements"
        case .etcd:
            "a bare loop on gRPC for Swift, the engine's two transactions, 64 at a time on one connection"
        case .zookeeper: "the C client, the engine's three requests, 64 pairs at a time in one session"
        }
    }

    /// The clients of a server that nobody else has used yet.
    static func all(
        _ server: CoordinationServer, _ programs: Programs, clock: any MonotonicClock
    ) async throws -> [PairsPeer] {
        switch server.kind {
        case .redis: try await Self.redis(server, clock: clock)
        case .postgres: try await Self.postgres(server)
        case .etcd: Self.etcd(server, programs.etcdLocks, clock: clock)
        case .zookeeper: Self.zookeeper(server, programs.zookeeperPairs)
        }
    }

    /// What a program prints, if it ends with zero.
    static func output(_ program: String, _ words: [String], in folder: String, hint: String = "") throws -> String {
        let file = "\(folder)/peer.out"
        try? FileManager.default.removeItem(atPath: file)
        let code = try ChildProcess("/usr/bin/env", [program] + words, output: file).wait()
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        guard code == 0 else { throw WorkloadError("\(program) ended with \(code)\(hint): \(text.suffix(500))") }
        return text
    }

    private static func seconds(_ span: Duration) -> Double { span.inSeconds }
}

// MARK: Redis

extension PairsPeer {
    private static func redis(_ server: CoordinationServer, clock: any MonotonicClock) async throws -> [PairsPeer] {
        let script = try await RedisPairScript(server)
        // So many calls as fit into the span by the rate of the run before.
        final class Pace {
            var rate = 20_000.0
        }
        func peer(_ name: String, _ words: [String], isCeiling: Bool) -> PairsPeer {
            let pace = Pace()
            return PairsPeer(name: name, isCeiling: isCeiling) { span in
                let calls = max(1_000, Int(pace.rate * Self.seconds(span)))
                let text = try Self.output(
                    "redis-benchmark",
                    ["-h", "127.0.0.1", "-p", "\(server.port)", "-n", "\(calls)", "--csv"] + words + script.call,
                    in: server.folder, hint: " (Debian's package is redis-tools)")
                // The call, and then the rate: "EVALSHA …","123456.78",…
                let fields = text.split(separator: "\n").last.map { String($0).components(separatedBy: "\",\"") } ?? []
                guard fields.count > 1, let rate = Double(fields[1]), rate > 0 else {
                    throw WorkloadError("redis-benchmark printed no rate: \(text.suffix(300))")
                }
                pace.rate = rate
                return rate / 2
            }
        }
        return [
            peer("redis-benchmark -c 64", ["-c", "64"], isCeiling: true),
            peer(
                "redis-benchmark -c 1 -P 64, without a look at the answers", ["-c", "1", "-P", "64"], isCeiling: false),
        ]
    }
}

// MARK: PostgreSQL

extension PairsPeer {
    private static func postgres(_ server: CoordinationServer) async throws -> [PairsPeer] {
        // One pair of the engine makes the tables.
        let opened = try CoordinationKind.open(server.url())
        _ = try await opened.engine.tryAcquire("bench/first", owner: "first", for: .seconds(30))
        await opened.close()
        let file = "\(server.folder)/pair.sql"
        let lines = [
            #"SELECT * FROM "colony".acquire('peer/' || :client_id, 'owner-' || :client_id, 30000000000, NULL, NULL, NULL) \gset"#,
            #"SELECT * FROM "colony".release('peer/' || :client_id, 'owner-' || :client_id, :o_token) \gset"#, "",
        ]
        try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let program = try InstalledServer.postgres("pgbench")
        return [
            PairsPeer(name: "pgbench -c 64 -j 2 -M prepared", isCeiling: true) { span in
                let text = try Self.output(
                    program,
                    [
                        "-h", "127.0.0.1", "-p", "\(server.port)", "-U", "colony", "-n", "-M", "prepared", "-c", "64",
                        "-j",
                        "2", "-T", "\(max(1, Int(Self.seconds(span).rounded())))", "-f", file, "postgres",
                    ], in: server.folder)
                guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("tps = ") }),
                    let rate = Double(line.dropFirst("tps = ".count).prefix { $0 != " " }),
                    text.contains("number of failed transactions: 0 ")
                else { throw WorkloadError("pgbench printed no rate without failures: \(text.suffix(500))") }
                return rate
            }
        ]
    }
}

// MARK: etcd and ZooKeeper

extension PairsPeer {
    private static func etcd(
        _ server: CoordinationServer, _ program: String, clock: any MonotonicClock
    ) -> [PairsPeer] {
        func peer(_ name: String, _ words: [String]) -> PairsPeer {
            PairsPeer(name: name, isCeiling: false) { span in
                try Self.rate(
                    program,
                    [
                        "-endpoint", "127.0.0.1:\(server.port)", "-clients", "64", "-seconds", "\(Self.seconds(span))",
                        "-mode", "engine",
                    ] + words, in: server.folder)
            }
        }
        let port = Int(server.port)
        return [
            PairsPeer(name: "a bare loop on gRPC for Swift, 1 connection", isCeiling: true) { span in
                try await EtcdBareLoop.rate(port: port, tasks: 64, for: span, clock: clock)
            },
            peer("etcd's Go client, 1 connection", ["-shared"]), peer("etcd's Go client, 64 connections", []),
        ]
    }

    private static func zookeeper(_ server: CoordinationServer, _ program: String) -> [PairsPeer] {
        [
            PairsPeer(name: "ZooKeeper's C client, 1 session", isCeiling: true) { span in
                try Self.rate(
                    program, ["127.0.0.1:\(server.port)", "64", "\(Self.seconds(span))"], in: server.folder)
            }
        ]
    }

    private static func rate(_ program: String, _ words: [String], in folder: String) throws -> Double {
        struct Outcome: Decodable {
            var pairs_per_second: Double
        }
        let text = try Self.output(program, words, in: folder)
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix("{") }) else {
            throw WorkloadError("\(program) printed no figure: \(text.suffix(500))")
        }
        return try JSONDecoder().decode(Outcome.self, from: Data(line.utf8)).pairs_per_second
    }
}
