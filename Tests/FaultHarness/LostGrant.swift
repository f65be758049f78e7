import ColonyCore
package import FaultHistory
import Foundation
import RealServers

/// Scenes in which an engine forgets a grant that it has acknowledged, as its documentation says it may: a second contender gets the lock
/// while the first, quite rightly, believes that it holds it. What they leave standing is the fencing token.
package enum LostGrant: String, CaseIterable, Sendable {
    /// The replica has not heard of the grant when the master dies and it takes over.
    case redisFailover = "redis-failover"
    /// A Redis that writes nothing to disk dies and comes back.
    case redisWithoutDisk = "redis-without-disk"
    /// One of three Redis under Redlock, none of which writes to disk, dies and comes back.
    case redlockWithoutDisk = "redlock-without-disk"
    /// The wall clock of a Redis is set forward.
    case redisClock = "redis-clock"
    /// The wall clock of a PostgreSQL is set forward.
    case postgresClock = "postgres-clock"

    /// Why it cannot be played here, or `nil`.
    package var obstacle: String? {
        let isPostgres = self == .postgresClock
        if isPostgres ? InstalledPrograms.postgres == nil : InstalledPrograms.redis == nil {
            return "not installed: \(isPostgres ? "postgresql" : "redis-server")"
        }
        return self == .redisClock || isPostgres ? WallClockShim.obstacle : nil
    }

    /// Long enough that the first contender still holds it when all is done, and the second has it.
    private static let lease = Duration.seconds(10)

    /// Plays it.
    ///
    /// - Returns: What the contenders saw.
    package func play(programs: String) async throws -> HistoryCheck {
        let scene = try FaultScene(programs: programs)
        switch self {
        case .redisFailover: return try await Self.failOver(scene)
        case .redisWithoutDisk: return try await Self.restartWithoutDisk(scene)
        case .redlockWithoutDisk: return try await Self.restartOneOfThree(scene)
        case .redisClock: return try await Self.stepRedisClock(scene)
        case .postgresClock: return try await Self.stepPostgresClock(scene)
        }
    }

    private static func url(_ place: ServerPlace) -> String { "redis://127.0.0.1:\(place.ports[0])?timeout_ms=1000" }

    private static func start(_ server: ServerProcess, _ place: ServerPlace, _ scene: FaultScene) async throws {
        try server.start()
        try await scene.wait(until: "\(server.name) answers") {
            RedisConsole.ask("PING", port: place.ports[0])?.contains("PONG") == true
        }
    }

    private static func failOver(_ scene: FaultScene) async throws -> HistoryCheck {
        let places = try (0..<2).map { _ in try ServerPlace.loopback(ports: 1) }
        let folder = scene.folder.path
        let master = try ServerLaunchers.redis("master", at: places[0], in: folder)
        let replica = try ServerLaunchers.redis(
            "replica", at: places[1], in: folder, ["--replicaof", "127.0.0.1 \(places[0].ports[0])"])
        defer { for server in [master, replica] { server.kill() } }
        try await Self.start(master, places[0], scene)
        try await Self.start(replica, places[1], scene)
        try await scene.wait(until: "the replica follows") {
            RedisConsole.ask("INFO replication", port: places[1].ports[0])?.contains("master_link_status:up") == true
        }
        // A replica that only stands still would find the grant in its socket when it goes on.
        replica.suspend()
        try await scene.wait(until: "the replica is cut off") {
            _ = RedisConsole.ask("CLIENT KILL TYPE replica", port: places[0].ports[0])
            return RedisConsole.ask("INFO replication", port: places[0].ports[0])?.contains("connected_slaves:0")
                == true
        }
        try scene.start("1.0", on: Self.url(places[0]), lease: Self.lease)
        try await scene.waitForGrant(to: "1.0")
        master.kill()
        replica.resume()
        try await scene.wait(until: "the replica is promoted") {
            RedisConsole.ask("REPLICAOF NO ONE", port: places[1].ports[0])?.contains("OK") == true
        }
        return try await Self.enterSecond(scene, on: Self.url(places[1]))
    }

    private static func restartWithoutDisk(_ scene: FaultScene) async throws -> HistoryCheck {
        let place = try ServerPlace.loopback(ports: 1)
        let server = try ServerLaunchers.redis(at: place, in: scene.folder.path, isDurable: false)
        defer { server.kill() }
        try await Self.start(server, place, scene)
        try scene.start("1.0", on: Self.url(place), lease: Self.lease)
        try await scene.waitForGrant(to: "1.0")
        // Between two of the first one's renewals, which would bring nothing back anyway.
        server.kill()
        try await Self.start(server, place, scene)
        return try await Self.enterSecond(scene, on: Self.url(place))
    }

    private static func restartOneOfThree(_ scene: FaultScene) async throws -> HistoryCheck {
        let places = try (0..<3).map { _ in try ServerPlace.loopback(ports: 1) }
        let servers = try places.enumerated().map { index, place in
            try ServerLaunchers.redis("redis\(index + 1)", at: place, in: scene.folder.path, isDurable: false)
        }
        defer { for server in servers { server.kill() } }
        let hosts = places.map { "127.0.0.1:\($0.ports[0])" }.joined(separator: ",")
        let url = "redlock://\(hosts)?timeout_ms=300"
        // The grant is that of the first and the second; the third has not heard of it.
        for index in 0..<2 { try await Self.start(servers[index], places[index], scene) }
        try scene.start("1.0", on: url, lease: Self.lease)
        try await scene.waitForGrant(to: "1.0")
        servers[1].kill()
        for index in 1...2 { try await Self.start(servers[index], places[index], scene) }
        return try await Self.enterSecond(scene, on: url)
    }

    private static func stepRedisClock(_ scene: FaultScene) async throws -> HistoryCheck {
        let clock = try WallClockShim().makeClock("server")
        let place = try ServerPlace.loopback(ports: 1)
        let server = try ServerLaunchers.redis(at: place, in: scene.folder.path, environment: clock.environment)
        defer { server.kill() }
        try await Self.start(server, place, scene)
        try scene.start("1.0", on: Self.url(place), lease: Self.lease)
        try await scene.waitForGrant(to: "1.0")
        try clock.set(secondsOff: 3_600)
        return try await Self.enterSecond(scene, on: Self.url(place))
    }

    private static func stepPostgresClock(_ scene: FaultScene) async throws -> HistoryCheck {
        let clock = try WallClockShim().makeClock("server")
        let place = try ServerPlace.loopback(ports: 1)
        let server = try ServerLaunchers.postgres(at: place, in: scene.folder.path, environment: clock.environment)
        defer { server.kill() }
        try server.start()
        let url = "postgres://colony@127.0.0.1:\(place.ports[0])/postgres?timeout_ms=1000&connections=2"
        try scene.start("1.0", on: url, lease: Self.lease)
        try await scene.waitForGrant(to: "1.0")
        try clock.set(secondsOff: 3_600)
        return try await Self.enterSecond(scene, on: url)
    }

    /// The second contender asks and gets what the first one has; then the first one writes once more, or tries to.
    private static func enterSecond(_ scene: FaultScene, on url: String) async throws -> HistoryCheck {
        try scene.start("2.0", on: url, lease: Self.lease)
        try await scene.waitForGrant(to: "2.0")
        try await scene.wait(until: "the second one writes") {
            try scene.history().contains { $0.who == "2.0" && $0.kind == .wrote }
        }
        try await scene.waitForWrite(of: "1.0", after: "2.0")
        return try await scene.finish()
    }
}
