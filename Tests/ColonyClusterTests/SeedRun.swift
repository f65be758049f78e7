import ColonyCore
import ColonySimulation
import Foundation
import Testing

/// Many seeds of one protocol: some for each change of the code, and many more when `make simulate` asks for them.
enum SeedRun {
    /// As many as the environment says, or a number for each change of the code.
    ///
    /// - Parameter protocolName: `COLONY_SEEDS_` and the name says how many; `COLONY_SEED` is one seed instead, such as that of a failure.
    static func seeds(of protocolName: String, usually count: Int) -> [Seed] {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["COLONY_SEED"].flatMap({ Seed($0) }) { return [seed] }
        let first = environment["COLONY_FIRST_SEED"].flatMap { Seed($0) } ?? 1
        return first.followed(by: environment["COLONY_SEEDS_\(protocolName.uppercased())"].flatMap { Int($0) } ?? count)
    }

    /// Runs all seeds, and tells of the first few that fail.
    ///
    /// - Parameter body: Runs one, and says how many events there were.
    static func run(_ protocolName: String, usually count: Int, _ body: (Seed) throws -> UInt64) {
        let seeds = self.seeds(of: protocolName, usually: count)
        var events: UInt64 = 0
        var failures = 0
        let start = HostClock().now
        for seed in seeds {
            do {
                events += try body(seed)
            } catch {
                failures += 1
                if failures <= 5 { Issue.record("\(error)") }
            }
        }
        #expect(failures == 0, "of \(seeds.count) seeds \(failures) failed")
        let time = start.duration(to: HostClock().now)
        let rate = Double(events) / max(0.001, Double(time.nanosecondCount) / 1_000_000_000)
        self.report(
            "\(protocolName): \(seeds.count) seeds, \(events) events, \(Int(rate)) events/s, \(failures) violations")
    }

    /// What `make simulate` is asked for beside yes or no.
    static func report(_ line: String) {
        guard ProcessInfo.processInfo.environment["COLONY_SIMULATE"] != nil else { return }
        FileHandle.standardOutput.write(Data("\(line)\n".utf8))
    }
}
