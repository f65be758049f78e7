import ColonyCore
import ColonyWorkloads
import Foundation

/// The one of the workloads; Foundation has a type of this name as well.
typealias Measurement = ColonyWorkloads.Measurement

/// Runs the workloads and prints the report.
@main
enum Program {
    static func main() async {
        do {
            if try await LockWorkloads.runAsWorkerIfAsked() { return }
            try await LeaderProcess.runIfAsked()
            let arguments = try Arguments(CommandLine.arguments.dropFirst())
            let report = try await Self.run(arguments)
            if arguments.json {
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
                print(String(decoding: try encoder.encode(report), as: UTF8.self))
            } else {
                print(report.table)
            }
        } catch {
            FileHandle.standardError.write(Data("colony-benchmarks: \(error)\n".utf8))
            exit(1)
        }
    }

    static func run(_ arguments: Arguments) async throws -> BenchmarkReport {
        let daemon = DaemonWorkloads(colony: arguments.colony, etcdLocks: arguments.etcdLocks)
        let caffeine = CaffeinePeer(library: arguments.caffeineLibrary, program: arguments.caffeinePeer)
        let queues =
            QueueWorkloads.all + QueueDaemonWorkloads(colony: arguments.colony).all
            + QueueComparison(colony: arguments.colony, client: arguments.rabbitMQQueues).all
        let resilience =
            ResilienceWorkload.all + ResilienceCost.all + SharedLimiterComparison.all
            + ResilienceComparison(classes: arguments.resilience4j).all
        let transactions = TransactionWorkloads.all + TransactionComparison(twoPhase: arguments.twoPhase).all
        let blocks: [[Workload]] = [
            LockWorkloads.all, daemon.all, SnowflakeWorkload.all, UUIDWorkload.all,
            UUIDComparison(programs: arguments.uuidPeers).all, SegmentWorkload.all, HashSpeedWorkload.all,
            HashComparison.all, PlacementWorkload.all, CacheComparison(caffeine: caffeine).all, CacheCost.all,
            LoadingWorkload.all, BloomWorkload.all, RedisComparison.all, queues,
            resilience, transactions, QuorumComparison.all,
        ]
        let clients = PairsPeer.Programs(etcdLocks: arguments.etcdLocks, zookeeperPairs: arguments.zookeeperPairs)
        let coordination = CoordinationKind.allCases.map {
            ($0, CoordinationComparison(kind: $0, clients: clients).all)
        }
        var groups = [
            "queues": queues, "resilience": resilience, "transactions": transactions,
            "quorum": QuorumComparison.all, "coordination": coordination.flatMap(\.1),
        ]
        for (kind, workloads) in coordination { groups["coordination-\(kind.rawValue)"] = workloads }
        let all = Array(blocks.joined()) + coordination.flatMap(\.1)
        let chosen = Set(arguments.names.flatMap { groups[$0]?.map(\.name) ?? [$0] })
        let onRequest = QueueWorkloads.onRequest.filter { chosen.contains($0.name) }
        for name in chosen where !(all + onRequest).contains(where: { $0.name == name }) {
            throw WorkloadError("no workload is called \(name); there are \(all.map(\.name).joined(separator: ", "))")
        }
        let options = WorkloadOptions(scale: arguments.scale, directory: arguments.directory)
        let load = Machine.loadAverage
        var measurements: [Measurement] = []
        var skipped: [String: String] = [:]
        for workload in all + onRequest where chosen.isEmpty || chosen.contains(workload.name) {
            FileHandle.standardError.write(Data("\(workload.name): \(workload.title)\n".utf8))
            do {
                let measurement = try await workload.run(options)
                measurements.append(measurement)
                if let renewals = DaemonWorkloads.renewals(from: measurement) { measurements.append(renewals) }
            } catch {
                skipped[workload.name] = "\(error)"
            }
        }
        return BenchmarkReport(
            machine: .current(), versions: Versions.find(colony: arguments.colony),
            command: (["colony-benchmarks"] + CommandLine.arguments.dropFirst()).joined(separator: " "),
            scale: arguments.scale, measurements: measurements, skipped: skipped,
            load: BenchmarkReport.Load(before: load, after: Machine.loadAverage))
    }
}

/// The versions of what takes part.
enum Versions {
    static func find(colony: String) -> [String: String] {
        var result: [String: String] = [:]
        let programs: [(name: String, file: String, arguments: [String])] = [
            ("colony", colony, ["--version"]), ("etcd", "/usr/bin/etcd", ["--version"]),
            ("Linux", "/usr/bin/uname", ["-r"]),
            ("Redis", "/usr/bin/dpkg-query", ["-W", "-f", "${Version}", "redis-server"]),
            ("PostgreSQL", "/usr/bin/env", ["sh", "-c", "pgbench --version | cut -d ' ' -f 3"]),
            ("ZooKeeper", "/usr/bin/dpkg-query", ["-W", "-f", "${Version}", "zookeeper"]),
            ("Java", "/usr/bin/env", ["sh", "-c", "java --version"]),
            ("Go", "/usr/bin/env", ["go", "env", "GOVERSION"]),
            ("RabbitMQ", "/usr/bin/dpkg-query", ["-W", "-f", "${Version}", "rabbitmq-server"]),
            ("Erlang", "/usr/bin/dpkg-query", ["-W", "-f", "${Version}", "erlang-base"]),
            ("SQLite", "/usr/bin/env", ["pkg-config", "--modversion", "sqlite3"]),
            ("Swift", "/usr/bin/env", ["swift", "--version"]),
        ]
        for program in programs {
            if let line = self.firstLine(program.file, program.arguments) { result[program.name] = line }
        }
        return result
    }

    private static func firstLine(_ file: String, _ arguments: [String]) -> String? {
        let text = try? ScratchFolder.blocking(in: FileManager.default.temporaryDirectory.path) { folder in
            let output = "\(folder)/version"
            guard try ChildProcess(file, arguments, output: output).wait() == 0 else { return "" }
            return try String(contentsOfFile: output, encoding: .utf8)
        }
        guard let line = text?.split(separator: "\n").first else { return nil }
        // "etcd Version: 3.4.23" and "Swift version 6.3.1" repeat the name.
        let words = line.replacing("Version:", with: "version").split(separator: "version ").last
        return words.map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
