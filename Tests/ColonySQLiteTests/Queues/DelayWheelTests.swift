import ColonySQLite
import ColonySimulation
import Testing

@Suite("The wheel of delays") struct DelayWheelTests {
    /// Moves a message from bucket to bucket as the engine does, from instant to instant.
    private func path(of due: Int64, from start: Int64) -> [Int64] {
        var openings: [Int64] = []
        var now = start
        while openings.count < 20, let opens = DelayWheel.opening(of: due, at: now) {
            openings.append(opens)
            now = opens - DelayWheel.lead
        }
        return openings
    }

    @Test("brings every message to its instant, in few steps, and never past it", arguments: 0..<200 as Range<UInt64>)
    func reachesTheInstant(seed: UInt64) {
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        for _ in 0..<1_000 {
            let now = Int64.random(in: 0...1_000_000_000_000_000, using: &random)
            let magnitude = Int.random(in: 0...61, using: &random)
            let (due, overflow) = now.addingReportingOverflow(Int64.random(in: 0...(1 << magnitude), using: &random))
            if overflow { continue }
            let path = self.path(of: due, from: now)
            #expect(path.count <= 7, "a delay of \(due - now) ns takes \(path.count) steps")
            #expect(zip(path, path.dropFirst()).allSatisfy { $0 < $1 }, "\(path) for \(due) at \(now)")
            for opens in path {
                #expect(opens <= due, "its bucket opens at \(opens), after \(due)")
                #expect(opens > now + DelayWheel.lead, "its bucket is emptied at once")
                #expect(DelayWheel.openings(of: due).contains(opens), "it cannot be found in its bucket")
            }
        }
    }

    @Test("has new messages in few places, whatever their delays are")
    func fewPlaces() {
        var random = SeededGenerator(seed: Seed(rawValue: 1))
        let now: Int64 = 123_456_789_012
        for bound in [60, 3_600, 86_400, 31_536_000] as [Int64] {
            let openings = (0..<100_000).compactMap { _ in
                DelayWheel.opening(
                    of: now + Int64.random(in: 0...(bound * 1_000_000_000), using: &random), at: now)
            }
            #expect(Set(openings).count <= 400, "\(Set(openings).count) buckets for delays up to \(bound) s")
        }
    }
}
