import ColonyCore
import Foundation
import RealServers
import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// `--store` and a daemon's store with the URL of each server of others beside a single Redis.
@Suite("Servers of others on the command line", .serialized)
struct OtherServersTests {
    /// A server of others, as the program sees it.
    enum Kind: String, CaseIterable, Sendable {
        case redlock, postgres, zookeeper, etcd

        /// Whether it has numbers and records beside locks.
        var hasNumbers: Bool { self != .redlock }

        /// Whether the server is installed, and this build has its engine. Under CI a missing server is a failure.
        var isAvailable: Bool {
            #if !Postgres
            if self == .postgres { return false }
            #endif
            #if !ZooKeeper
            if self == .zookeeper { return false }
            #endif
            #if !Etcd
            if self == .etcd { return false }
            #endif
            let isInstalled =
                switch self {
                case .redlock: InstalledPrograms.redis != nil
                case .postgres: InstalledPrograms.postgres != nil
                case .zookeeper: InstalledPrograms.java != nil && InstalledPrograms.zookeeper != nil
                case .etcd: InstalledPrograms.etcd != nil
                }
            if isInstalled || InstalledPrograms.isMissingAnError { return true }
            print("skipped: the server of \(self.rawValue) is not installed")
            return false
        }

        /// The servers, not started yet, and the URL that leads to them.
        func servers(in folder: String) throws -> (url: String, servers: [ServerProcess]) {
            switch self {
            case .redlock:
                let places = try (0..<3).map { _ in try ServerPlace.loopback(ports: 1) }
                let servers = try places.enumerated().map {
                    try ServerLaunchers.redis("redis\($0)", at: $1, in: folder, isDurable: false)
                }
                return ("redlock://" + places.map { "127.0.0.1:\($0.ports[0])" }.joined(separator: ","), servers)
            case .postgres:
                let place = try ServerPlace.loopback(ports: 1)
                return (
                    "postgres://colony@127.0.0.1:\(place.ports[0])/postgres",
                    [try ServerLaunchers.postgres(at: place, in: folder)]
                )
            case .zookeeper:
                let place = try ServerPlace.loopback(ports: 3)
                return (
                    "zookeeper://127.0.0.1:\(place.ports[0])", try ServerLaunchers.zookeeper(at: [place], in: folder)
                )
            case .etcd:
                let place = try ServerPlace.loopback(ports: 2)
                return ("etcd://127.0.0.1:\(place.ports[0])", try ServerLaunchers.etcd(at: [place], in: folder))
            }
        }
    }

    @Test(arguments: Kind.allCases.filter(\.isAvailable))
    func `locks and elections work there, numbers where records do, and queues are refused`(
        kind: Kind
    ) async throws {
        try await Self.with(kind) { scene, url in
            let script = "echo $COLONY_FENCING_TOKEN"
            var tokens: [Int] = []
            for _ in 0..<2 {
                let outcome = try await scene.colony(
                    "lock", "run", "job", "--store", url, "--", "/bin/sh", "-c", script)
                #expect(outcome.code == 0, "\(outcome.errors)")
                tokens += [Int(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines))].compactMap { $0 }
            }
            #expect(tokens.count == 2 && tokens[0] < tokens[1], "\(tokens)")

            let busy = try await scene.colony(
                "lock", "run", "job", "--store", url, "--", "/bin/sh", "-c",
                "\"$COLONY\" lock run job --wait 0s --store '\(url)' -- true; echo $?")
            #expect(busy.output == "75\n", "\(busy.errors)")

            let leader = try await scene.colony(
                "elect", "run", "job", "--store", url, "--", "/bin/sh", "-c",
                "\"$COLONY\" elect status job --store '\(url)' > /dev/null; echo $?")
            #expect(leader.output == "0\n", "\(leader.errors)")

            let number = try await scene.colony("id", "new", "--kind", "segment", "--tag", "a", "--store", url)
            if kind.hasNumbers {
                #expect(number.output == "1\n", "\(number.errors)")
            } else {
                #expect(number.code == 64)
                #expect(number.errors.contains("keeps locks, and no numbers"), "\(number.errors)")
            }

            let queue = try await scene.colony("queue", "list", "--store", url)
            #expect(queue.code == 64)
            #expect(queue.errors.contains(kind.hasNumbers ? "locks and numbers, and no" : "locks, and no queues"))
        }
    }

    @Test(arguments: Kind.allCases.filter(\.isAvailable))
    func `a daemon serves its locks, and identifiers where records are kept`(kind: Kind) async throws {
        try await Self.with(kind) { scene, url in
            try await scene.whileServing(store: url) { daemon in
                let lock = try await scene.colony(
                    "lock", "run", "job", "--server", daemon.url, "--", "/bin/sh", "-c",
                    "\"$COLONY\" lock inspect job --store '\(url)'")
                #expect(lock.code == 0, "\(lock.errors)")
                let number = try await scene.colony(
                    "id", "new", "--kind", "segment", "--tag", "a", "--server", daemon.url)
                #expect((number.code == 0) == kind.hasNumbers, "\(number.errors)")
                let sent = try await scene.shell("echo hello | \"$COLONY\" queue publish mail --server \(daemon.url)")
                #expect(sent.code == 0, "\(sent.errors)")
            }
            #expect(FileManager.default.fileExists(atPath: scene.path("data/colony.db")))
        }
    }

    @Test func `Redlock of too few servers is refused with what is needed`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("lock", "list", "--store", "redlock://:geheim@a,b")
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains("2 servers are given") && !outcome.errors.contains("geheim"))
        }
    }

    /// Runs `body` in a scene without a store of its own, beside the servers.
    private static func with(_ kind: Kind, _ body: (Scene, String) async throws -> Void) async throws {
        try await Scene.run { scene in
            let folder = scene.path("servers")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            if kind == .postgres, geteuid() == 0, let user = getpwnam("postgres") {
                // Its server refuses to run as root.
                _ = chown(folder, user.pointee.pw_uid, user.pointee.pw_gid)
            }
            let (url, servers) = try kind.servers(in: folder)
            defer { for server in servers { server.kill() } }
            for server in servers { try server.start() }
            let plain = scene.with([:])
            try await eventually("\(kind.rawValue) answers", within: .seconds(45)) {
                try await plain.colony("lock", "inspect", "job", "--store", url).errors.contains("nobody holds")
            }
            try await body(plain, url)
        }
    }
}
