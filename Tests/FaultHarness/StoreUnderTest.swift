import ColonyCore
package import FaultHistory
import Foundation
package import RealServers

/// An engine with its servers, as the suite runs it.
package struct StoreUnderTest: Sendable {
    package let name: String
    /// How long leases are: as short as the engine's servers let them be, because real time is what a run costs.
    package let lease: Duration
    /// Within what time each contender has the lock again when nothing is wrong any more. It covers the start of a server.
    package let progressBound: Duration
    /// What the engine does not promise: breaches are counted and reported, and do not fail a run.
    package let unpromised: Set<HistoryRule>
    /// Why it cannot run here, or `nil`.
    package let obstacle: String?
    /// Whether its contenders reach it over a network that can be cut.
    package let isNetworked: Bool
    package let launch: @Sendable (Stage) throws -> RunningStore

    package init(
        _ name: String, lease: Duration, progressBound: Duration, unpromised: Set<HistoryRule> = [],
        obstacle: String? = nil, isNetworked: Bool = true, launch: @escaping @Sendable (Stage) throws -> RunningStore
    ) {
        self.name = name
        self.lease = lease
        self.progressBound = progressBound
        self.unpromised = unpromised
        self.obstacle = obstacle
        self.isNetworked = isNetworked
        self.launch = launch
    }
}

/// Where the servers of one run live.
package struct Stage: Sendable {
    package let folder: String
    /// The folder of the programs of this package.
    package let programs: String
    /// Hosts for the servers, if this run has a network of its own; at least three.
    package let hosts: [PrivateNetwork.Host]
    /// How long sessions last, on servers whose leases end with them: no lease is longer than nine tenths of one.
    package let session: Duration

    package init(
        folder: String, programs: String, hosts: [PrivateNetwork.Host] = [], session: Duration = .milliseconds(2_400)
    ) {
        self.folder = folder
        self.programs = programs
        self.hosts = hosts
        self.session = session
    }

    /// A place for each of `count` servers.
    package func places(_ count: Int, ports: Int) throws -> [ServerPlace] {
        try (0..<count).map { index in
            self.hosts.isEmpty ? try .loopback(ports: ports) : .host(self.hosts[index], ports: ports)
        }
    }
}

/// Servers, not started yet, and where contenders find them.
package struct RunningStore: Sendable {
    package let url: String
    package let servers: [ServerProcess]
    package let version: String

    package init(url: String, servers: [ServerProcess], version: String) {
        self.url = url
        self.servers = servers
        self.version = version
    }
}

extension StoreUnderTest {
    /// All engines, the embedded one first.
    package static let all: [StoreUnderTest] = [.sqlite, .daemon, .redis, .redlock, .postgres, .zookeeper, .etcd]

    package static let sqlite = StoreUnderTest(
        "sqlite", lease: .seconds(1), progressBound: .seconds(15), isNetworked: false
    ) { stage in
        RunningStore(url: "sqlite:\(stage.folder)/locks.db", servers: [], version: "embedded")
    }

    package static let daemon = StoreUnderTest("daemon", lease: .seconds(1), progressBound: .seconds(20)) { stage in
        let place = try stage.places(1, ports: 1)[0]
        let server = ServerLaunchers.daemon(
            "\(stage.programs)/colony", store: "sqlite:\(stage.folder)/locks.db", at: place, in: stage.folder)
        return RunningStore(
            url: "http://\(place.address):\(place.ports[0])", servers: [server], version: "colony serve on SQLite")
    }

    /// One Redis that has every write on disk before it answers.
    package static let redis = StoreUnderTest(
        "redis", lease: .seconds(1), progressBound: .seconds(20),
        obstacle: missing([("redis-server", InstalledPrograms.redis)])
    ) { stage in
        let place = try stage.places(1, ports: 1)[0]
        return RunningStore(
            url: "redis://\(place.address):\(place.ports[0])?timeout_ms=1000",
            servers: [try ServerLaunchers.redis(at: place, in: stage.folder)],
            version: version(InstalledPrograms.redis, "v=([0-9.]+)", of: "Redis"))
    }

    /// Three Redis that know nothing of each other, each with every write on disk before it answers. Without a queue a
    /// contender may be passed by others for long.
    package static let redlock = StoreUnderTest(
        "redlock", lease: .seconds(2), progressBound: .seconds(90),
        obstacle: missing([("redis-server", InstalledPrograms.redis)])
    ) { stage in
        let places = try stage.places(3, ports: 1)
        let hosts = places.map { "\($0.address):\($0.ports[0])" }.joined(separator: ",")
        return RunningStore(
            url: "redlock://\(hosts)?timeout_ms=300",
            servers: try places.enumerated().map { index, place in
                try ServerLaunchers.redis("redis\(index + 1)", at: place, in: stage.folder)
            },
            version: version(InstalledPrograms.redis, "v=([0-9.]+)", of: "3 Redis"))
    }

    package static let postgres = StoreUnderTest(
        "postgres", lease: .seconds(1), progressBound: .seconds(30),
        obstacle: missing([("postgresql", InstalledPrograms.postgres)])
    ) { stage in
        let place = try stage.places(1, ports: 1)[0]
        return RunningStore(
            url: "postgres://colony@\(place.address):\(place.ports[0])/postgres?timeout_ms=1000&connections=2",
            servers: [try ServerLaunchers.postgres(at: place, in: stage.folder)],
            version: version(InstalledPrograms.postgres.map { "\($0)/postgres" }, "\\) ([0-9.]+)", of: "PostgreSQL"))
    }

    /// An ensemble of three.
    package static let zookeeper = StoreUnderTest(
        "zookeeper", lease: .seconds(2), progressBound: .seconds(40),
        obstacle: missing([
            ("default-jre-headless", InstalledPrograms.java), ("zookeeper", InstalledPrograms.zookeeper),
        ])
    ) { stage in
        let places = try stage.places(3, ports: 3)
        let hosts = places.map { "\($0.address):\($0.ports[0])" }.joined(separator: ",")
        return RunningStore(
            url: "zookeeper://\(hosts)?session_timeout_ms=\(stage.session.clampedMilliseconds)&timeout_ms=1000",
            servers: try ServerLaunchers.zookeeper(at: places, in: stage.folder),
            version: archiveVersion)
    }

    /// A cluster of three.
    package static let etcd = StoreUnderTest(
        "etcd", lease: .seconds(2), progressBound: .seconds(40),
        obstacle: missing([("etcd-server", InstalledPrograms.etcd)])
    ) { stage in
        let places = try stage.places(3, ports: 2)
        let hosts = places.map { "\($0.address):\($0.ports[0])" }.joined(separator: ",")
        return RunningStore(
            url: "etcd://\(hosts)?timeout_ms=1000", servers: try ServerLaunchers.etcd(at: places, in: stage.folder),
            version: version(InstalledPrograms.etcd, "Version: ([0-9.]+)", of: "etcd"))
    }

    /// Debian names the version in a link beside the archive.
    private static var archiveVersion: String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/share/java")) ?? []
        let number = names.lazy.compactMap { $0.wholeMatch(of: /zookeeper-([0-9.]+)\.jar/)?.output.1 }.first
        return "ZooKeeper" + (number.map { " \($0)" } ?? "")
    }

    /// Which of the packages are not installed, as a reason to skip.
    private static func missing(_ programs: [(package: String, place: String?)]) -> String? {
        let names = programs.filter { $0.place == nil }.map(\.package)
        return names.isEmpty ? nil : "not installed: \(names.joined(separator: ", "))"
    }

    /// What a program says of itself.
    private static func version(_ program: String?, _ pattern: String, of name: String) -> String {
        guard let program, let text = try? Run.toEnd(program, ["--version"]), let expression = try? Regex(pattern),
            let match = text.firstMatch(of: expression), let number = match.output[1].substring
        else { return name }
        return "\(name) \(number)"
    }

    /// An engine of the probe that is broken in one way, or in none.
    package static func flawed(_ flaw: String) -> StoreUnderTest {
        StoreUnderTest("flawed \(flaw)", lease: .seconds(1), progressBound: .seconds(10), isNetworked: false) { stage in
            RunningStore(url: "flawed:\(stage.folder)/locks.db?flaw=\(flaw)", servers: [], version: flaw)
        }
    }
}
