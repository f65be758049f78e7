import Foundation
import Testing

/// `colony bench`, at a scale at which the figures say nothing, so that it stays alive.
@Suite struct BenchTests {
    @Test(.timeLimit(.minutes(5)), arguments: ["locks", "ids", "hashing"])
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
