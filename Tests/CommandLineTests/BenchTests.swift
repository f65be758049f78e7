import Foundation
import Testing

/// `colony bench`, at a scale at which the figures say nothing, so that it stays alive.
@Suite struct BenchTests {
    @Test(.timeLimit(.minutes(5)), arguments: ["locks", "ids", "hashing", "resilience", "balancing"])
    func `bench prints every workload with its figure, and leaves nothing behind`(block: String) async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("bench", block, "--scale", "0.001", "--json")
            #expect(outcome.code == 0, "\(outcome.errors)")
            let report = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
            let measurements = try #require(report?["measurements"] as? [[String: Any]])
            #expect(!measurements.isEmpty)
            let files = try FileManager.default.contentsOfDirectory(atPath: scene.folder)
            #expect(files.allSatisfy { $0.hasPrefix("process-") }, "\(files)")
        }
    }

    @Test func `an unknown workload is refused with those that there are`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("bench", "locks", "--only", "no-such")
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains("There is no workload \"no-such\". There are "))
        }
    }

    @Test(arguments: ["memory:", "sqlite:"])
    func `bench measures locks on a store that is named, and leaves none of them held`(scheme: String) async throws {
        try await Scene.run { scene in
            let url = scheme == "memory:" ? scheme : "sqlite:\(scene.path("some.db"))"
            let outcome = try await scene.colony(
                "bench", "locks", "--store", url, "--contenders", "4", "--scale", "0.01", "--json")
            #expect(outcome.code == 0, "\(outcome.errors)")
            try Self.expectStoreFigures(outcome.output)
            if scheme == "sqlite:" {
                #expect(
                    try await scene.colony("lock", "list", "--store", url, "--json").output.contains("bench") == false)
            }
        }
    }

    /// That both figures of a store are there and are figures.
    static func expectStoreFigures(_ json: String) throws {
        let report = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
        let measurements = try #require(report?["measurements"] as? [[String: Any]])
        #expect(measurements.compactMap { $0["workload"] as? String } == ["store-pairs", "store-hand-over"])
        #expect(measurements.allSatisfy { ($0["figure"] as? Double ?? 0) > 0 && ($0["count"] as? Int ?? 0) > 0 })
    }

    @Test func `what bench cannot measure on a store is refused with the reason`() async throws {
        try await Scene.run { scene in
            let block = try await scene.colony("bench", "ids", "--store", "memory:")
            #expect(block.code == 64 && block.errors.contains("bench locks --store"))
            let few = try await scene.colony("bench", "locks", "--store", "memory:", "--contenders", "1")
            #expect(few.code == 64 && few.errors.contains("not 1"))
            let alone = try await scene.colony("bench", "locks", "--contenders", "4")
            #expect(alone.code == 64 && alone.errors.contains("--store"))
            let other = try await scene.colony("bench", "locks", "--store", "memory:", "--only", "sqlite-1")
            #expect(other.code == 64 && other.errors.contains("There are store-pairs, store-hand-over"))
            let nowhere = try await scene.colony("bench", "locks", "--store", "mysql://127.0.0.1")
            #expect(nowhere.code == 64 && nowhere.errors.contains("mysql"))
        }
    }

    @Test func `a trace is replayed with every policy, and printed as the contract says`() async throws {
        try await Scene.run { scene in
            let file = "\(scene.folder)/loop.trace"
            let lines = (0..<30_000).map { "key-\($0 % 300)" }.joined(separator: "\n")
            try lines.write(toFile: file, atomically: true, encoding: .utf8)
            let outcome = try await scene.colony("bench", "caches", "--trace", file, "--json", "--size", "200")
            #expect(outcome.code == 0, "\(outcome.errors)")
            let report = try #require(
                try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
            #expect(report["trace"] as? String == file)
            #expect(report["requests"] as? Int == 30_000)
            #expect(report["distinct"] as? Int == 300)
            #expect(report["default_policy"] as? String == "adaptive")
            let sizes = try #require(report["sizes"] as? [[String: Any]])
            #expect(sizes.count == 1 && sizes[0]["size"] as? Int == 200)
            let ratios = try #require(sizes[0]["hit_ratio"] as? [String: Double])
            #expect(ratios["lru"] == 0)
            #expect((ratios["optimum"] ?? 0) > 0.6 && (ratios["adaptive"] ?? 0) > 0.4)

            let table = try await scene.colony("bench", "caches", "--trace", file, "--policy", "lru")
            #expect(
                table.code == 0 && table.output.contains("30000 requests for 300 different keys"), "\(table.output)")
        }
    }

    @Test func `what cannot be replayed is refused with the reason`() async throws {
        try await Scene.run { scene in
            let missing = try await scene.colony("bench", "caches", "--trace", "\(scene.folder)/none")
            #expect(missing.code == 1 && missing.errors.contains("cannot be read"), "\(missing.code) \(missing.errors)")
            let policy = try await scene.colony("bench", "caches", "--trace", "x", "--policy", "mru")
            #expect(policy.code == 64 && policy.errors.contains("\"mru\""))
            let size = try await scene.colony("bench", "caches", "--trace", "x", "--size", "0")
            #expect(size.code == 64 && size.errors.contains("not 0"))
            let bare = try await scene.colony("bench", "caches")
            #expect(bare.code == 64 && bare.errors.contains("--trace"))
        }
    }
}
