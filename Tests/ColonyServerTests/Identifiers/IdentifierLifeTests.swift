import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import ColonySQLite
import ColonySimulation
import Foundation
import Testing

@testable import ColonyServer

@Suite("The worker number of a daemon", .timeLimit(.minutes(3)))
struct IdentifierLifeTests {
    private static let day: Int64 = 86_400_000

    @Test func `no number is taken before it is needed, and draining gives it back`() async throws {
        let engine = MemoryLeaseEngine()
        var name: LeaseName = "snowflake"
        try await withServer(engine: engine) { server async throws in
            let idle = try await server.send(.GET, "/v1/ids")
            #expect(idle.json["state"] as? String == "idle")
            #expect(idle.json["worker"] == nil)
            #expect(try await engine.records(withPrefix: "snowflake/", after: nil, limit: 10).isEmpty)
            let issued = try await server.send(.POST, "/v1/ids/snowflake")
            let id = try #require((issued.json["ids"] as? [String])?.first)
            let parts = try await server.send(.GET, "/v1/ids/\(id)")
            let status = try await server.send(.GET, "/v1/ids")
            let worker = try #require(status.integer("worker"))
            #expect(parts.integer("worker") == worker)
            #expect(status.json["state"] as? String == "issuing")
            #expect(status.json["leased"] as? Bool == true)
            #expect((status.json["reserved_until"] as? String)?.hasSuffix("Z") == true)
            #expect(status.json["failure"] == nil)
            let guarantee = status.json["guarantee"] as? [String: String]
            #expect(guarantee == ["reach": "network", "survival": "nothing"])
            name = try LeaseName("snowflake/colony/0/\(worker)")
            #expect(try await engine.inspect(name) != nil)
        }
        #expect(try await engine.inspect(name) == nil, "the number must be free once the daemon has ended")
    }

    @Test func `a fixed number takes no lease`() async throws {
        let engine = MemoryLeaseEngine()
        try await withServer(
            engine: engine,
            configure: {
                $0.identifiers.worker = 9
                $0.identifiers.datacenter = 3
            }
        ) { server async throws in
            let issued = try await server.send(.POST, "/v1/ids/snowflake")
            let id = try #require((issued.json["ids"] as? [String])?.first)
            let parts = try await server.send(.GET, "/v1/ids/\(id)")
            #expect(parts.integer("worker") == 9 && parts.integer("datacenter") == 3)
            #expect(try await server.send(.GET, "/v1/ids").json["leased"] as? Bool == false)
            #expect(try await engine.records(withPrefix: "snowflake/", after: nil, limit: 10).isEmpty)
        }
    }

    @Test func `restarted_node_repeats_nothing`() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-ids-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("colony.db").path
        var seen: Set<String> = []
        var numbers: [Int64] = []
        for round in 0..<4 {
            let engine = SQLiteLeaseEngine(path: path)
            let segments = SQLiteSegmentEngine(path: path)
            try await withServer(engine: engine, segments: segments) { server async throws in
                let ids = try await server.send(.POST, "/v1/ids/snowflake?count=5000").json["ids"] as? [String]
                for id in try #require(ids) { #expect(seen.insert(id).inserted, "round \(round) repeats \(id)") }
                let more = try await server.send(.POST, "/v1/ids/segment?tag=orders&count=100").json["ids"] as? [String]
                numbers += try #require(more).compactMap { Int64($0) }
            }
            await segments.close()
            await engine.close()
        }
        #expect(numbers.count == 400)
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func `clock_moved_back_across_a_restart`() async throws {
        let engine = MemoryLeaseEngine()
        let segments = MemorySegmentEngine()
        let wall = ManualWallClock()
        var seen: Set<String> = []
        for _ in 0..<2 {
            try await withServer(
                engine: engine, segments: segments, wallClock: wall,
                configure: {
                    $0.identifiers.worker = 1
                }
            ) { server async throws in
                // The second daemon starts an hour earlier and must not issue in the hour that the first one used.
                let reply = try await server.send(.POST, "/v1/ids/snowflake?count=100")
                if seen.isEmpty {
                    seen.formUnion(try #require(reply.json["ids"] as? [String]))
                    #expect(seen.count == 100)
                } else {
                    #expect(reply.status == 503 && reply.code == "clock_moved_back", "\(reply.text)")
                    #expect((reply.headers["retry-after"].flatMap { Int($0) } ?? 0) > 3_000, "\(reply.headers)")
                }
            }
            wall.step(by: .seconds(-3_600))
        }
    }

    @Test func `two daemons on one store issue nothing twice`() async throws {
        let engine = MemoryLeaseEngine()
        let segments = MemorySegmentEngine()
        try await withServer(engine: engine, segments: segments) { first in
            try await withServer(engine: engine, segments: segments) { second in
                var all: [String] = []
                for path in ["/v1/ids/snowflake?count=3000", "/v1/ids/segment?tag=a&count=3000"] {
                    async let one = first.send(.POST, path).json["ids"] as? [String]
                    async let other = second.send(.POST, path).json["ids"] as? [String]
                    all += try await #require(one)
                    all += try await #require(other)
                }
                #expect(all.count == 12_000 && Set(all).count == all.count)
            }
        }
    }

    // MARK: What can go wrong

    @Test func `a namespace without a free number says so and recovers`() async throws {
        let engine = MemoryLeaseEngine()
        let other = OwnerID.unique()
        for worker in SnowflakeLayout.classic.workers {
            _ = try await engine.tryAcquire(
                LeaseName("snowflake/colony/0/\(worker)"), owner: other, for: .seconds(600))
        }
        try await withServer(engine: engine) { server async throws in
            let reply = try await server.send(.POST, "/v1/ids/snowflake")
            #expect(reply.status == 503 && reply.code == "no_worker_free", "\(reply.text)")
            #expect(reply.detail.contains("all 32 worker numbers"))
            #expect(reply.headers["retry-after"] != nil)
            let status = try await server.send(.GET, "/v1/ids")
            #expect(status.json["state"] as? String == "obtaining")
            #expect((status.json["failure"] as? [String: String])?["code"] == "no_worker_free")
            _ = try await engine.release("snowflake/colony/0/5", owner: other, token: nil)
            try await eventually("the free number is taken") {
                try await server.send(.POST, "/v1/ids/snowflake").status == 200
            }
            #expect(try await server.send(.GET, "/v1/ids").integer("worker") == 5)
        }
    }

    @Test func `a clock that stands still uses up its tick`() async throws {
        try await withServer(wallClock: ManualWallClock()) { server async throws in
            let reply = try await server.send(.POST, "/v1/ids/snowflake?count=10000")
            #expect(reply.status == 503 && reply.code == "tick_exhausted", "\(reply.text)")
            #expect(reply.headers["retry-after"] == "1")
        }
    }

    @Test func `a clock that is set back is told with how long it takes to catch up`() async throws {
        let wall = ManualWallClock()
        try await withServer(wallClock: wall) { server async throws in
            #expect(try await server.send(.POST, "/v1/ids/snowflake").status == 200)
            wall.step(by: .seconds(-600))
            let reply = try await server.send(.POST, "/v1/ids/snowflake")
            #expect(reply.status == 503 && reply.code == "clock_moved_back", "\(reply.text)")
            #expect((590...610).contains(reply.headers["retry-after"].flatMap { Int($0) } ?? 0), "\(reply.headers)")
            wall.step(by: .seconds(601))
            try await eventually("it goes on") { try await server.send(.POST, "/v1/ids/snowflake").status == 200 }
        }
    }

    @Test func `a clock outside the layout's time is told at once`() async throws {
        let epoch = SnowflakeLayout.classic.epoch.millisecondsSince1970
        try await withServer(wallClock: ManualWallClock(now: WallTime(millisecondsSince1970: epoch - Self.day))) {
            let reply = try await $0.send(.POST, "/v1/ids/snowflake")
            #expect(reply.status == 503 && reply.code == "epoch_not_begun", "\(reply.text)")
        }
        try await withServer(
            wallClock: ManualWallClock(now: WallTime(millisecondsSince1970: epoch + 75 * 365 * Self.day))
        ) {
            let reply = try await $0.send(.POST, "/v1/ids/snowflake")
            #expect(reply.status == 409 && reply.code == "epoch_over", "\(reply.text)")
            #expect(try await $0.send(.GET, "/v1/ids").json["state"] as? String == "failed")
        }
    }

    @Test func `a namespace that began with another layout is refused, and the next request tries again`() async throws
    {
        let segments = MemorySegmentEngine()
        try await withServer(segments: segments) { server async throws in
            #expect(try await server.send(.POST, "/v1/ids/snowflake").status == 200)
        }
        try await withServer(segments: segments, configure: { $0.identifiers.layout = .sonyflake }) {
            server async throws in
            for _ in 0..<2 {
                let reply = try await server.send(.POST, "/v1/ids/snowflake")
                #expect(reply.status == 409 && reply.code == "scheme_mismatch", "\(reply.text)")
            }
            let status = try await server.send(.GET, "/v1/ids")
            #expect(status.json["state"] as? String == "failed")
            #expect(status.json["layout"] as? String == "sonyflake")
            #expect((status.json["failure"] as? [String: String])?["code"] == "scheme_mismatch")
        }
    }

    @Test func `a lease engine that hangs is no worker, and does not keep the daemon from its end`() async throws {
        let engine = FaultyLeaseEngine(
            MemoryLeaseEngine(), clock: HostClock(), plan: .on(.tryAcquire, .hangBefore))
        try await withServer(engine: engine) { server async throws in
            let reply = try await server.send(.POST, "/v1/ids/snowflake")
            #expect(reply.status == 503 && reply.code == "worker_lost", "\(reply.text)")
            #expect(reply.headers["retry-after"] != nil)
        }
    }

    @Test func `a store of ranges that is away is unavailable, and numbers in hand go on`() async throws {
        let segments = FaultySegmentEngine(MemorySegmentEngine(), clock: HostClock())
        try await withServer(segments: segments) { server async throws in
            #expect(try await server.send(.POST, "/v1/ids/segment?tag=a").status == 200)
            segments.follow { _, _ in .errorBefore }
            #expect(try await server.send(.POST, "/v1/ids/segment?tag=a&count=500").status == 200)
            for (path, body) in [
                ("/v1/ids/segment?tag=b", nil), ("/v1/ids/snowflake", nil), ("/v1/segments/a/take", #"{"count":1}"#),
            ] as [(String, String?)] {
                let reply = try await server.send(.POST, path, body)
                #expect(reply.status == 503 && reply.code == "store_unavailable", "\(path): \(reply.text)")
                #expect(reply.headers["retry-after"] != nil)
            }
            segments.heal()
            try await eventually("it goes on") { try await server.send(.POST, "/v1/ids/snowflake").status == 200 }
        }
    }

    @Test func `those who wait when the daemon drains are told so`() async throws {
        let segments = FaultySegmentEngine(MemorySegmentEngine(), clock: HostClock()) { _, _ in .hangBefore }
        try await withServer(segments: segments) { server async throws in
            let replies = Task {
                try await withThrowingTaskGroup(of: String?.self) { group in
                    for path in ["/v1/ids/snowflake", "/v1/ids/segment?tag=a"] {
                        group.addTask { try await server.send(.POST, path).code }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            try await eventually("both wait") { segments.hangingCount == 2 }
            await server.stop()
            #expect(try await replies.value == ["draining", "draining"])
        }
    }
}

@Suite("The generators that a daemon keeps", .timeLimit(.minutes(1)))
struct SegmentGeneratorsTests {
    @Test func `the tag that was asked for longest ago makes room, and its numbers are skipped`() async throws {
        let engine = MemorySegmentEngine()
        let generators = SegmentGenerators(engine: engine, clock: HostClock(), limit: 2)
        #expect(try await generators.issue(1, of: "a") == [1])
        #expect(try await generators.issue(1, of: "b") == [1])
        #expect(try await generators.issue(1, of: "a") == [2])
        #expect(try await generators.issue(1, of: "c") == [1])
        #expect(generators.count == 2)
        #expect(try await generators.issue(1, of: "a") == [3], "a was used after b")
        #expect(try await generators.issue(1, of: "b")[0] > 1, "b began anew above what it had")
        await generators.close()
        await #expect(throws: Problem.self) { try await generators.issue(1, of: "a") }
    }

    @Test func `a tag that somebody waits for is not closed for another`() async throws {
        let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: HostClock()) { call, _ in
            call == 1 ? .hangBefore : nil
        }
        let generators = SegmentGenerators(engine: engine, clock: HostClock(), limit: 1)
        let waiting = Task { try await generators.issue(1, of: "a") }
        try await eventually("it waits") { engine.hangingCount == 1 }
        let refusal = await #expect(throws: Problem.self) { try await generators.issue(1, of: "b") }
        #expect(refusal?.code == .tooManyWaiters)
        engine.heal()
        #expect(try await waiting.value == [1])
        #expect(try await generators.issue(1, of: "b") == [1])
        await generators.close()
    }
}
