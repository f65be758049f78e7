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
}
