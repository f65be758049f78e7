import ColonyBalancing
import ColonyCore
import ColonySimulation
import Testing

@Suite("The state of one endpoint under one check")
struct HealthStateTests {
    private static let good = HealthProbeResult.success("200", latency: .milliseconds(1))
    private static let bad = HealthProbeResult.failure("refused", latency: .milliseconds(1))
    private static let start = MonotonicInstant(nanoseconds: 0)

    /// Feeds one result after the other, each when it is due.
    private static func feed(
        _ results: String, to state: inout HealthState, using generator: inout SeededGenerator
    ) -> [HealthState.Change?] {
        results.map { letter in
            let now = state.nextProbe
            state.start(at: now)
            return state.record(letter == "+" ? Self.good : Self.bad, at: now, using: &generator)
        }
    }

    @Test("a verdict changes after as many results in a row as the threshold says, and a single blip changes nothing")
    func thresholdsHold() throws {
        var generator = SeededGenerator(seed: 1)
        let check = try HealthCheck("a", .tcp, jitter: 0, rise: 2, fall: 3)
        var state = HealthState(check, at: Self.start, using: &generator)
        // The first is a verdict that says what was assumed.
        let changes = Self.feed("+--+--+---+-++", to: &state, using: &generator)
        #expect(
            changes.enumerated().compactMap { index, change in change.map { "\(index) \($0.isHealthy)" } } == [
                "0 true", "9 false", "13 true",
            ])
        #expect(state.isHealthy)
        #expect(state.since == Self.start.advanced(by: .seconds(13 * 5)))
        #expect(state.reason == "2 probes in a row succeeded: 200")
    }

    @Test("without a first result that decides, an assumption stands until a threshold is reached")
    func assumptionsStand() throws {
        var generator = SeededGenerator(seed: 1)
        let check = try HealthCheck("a", .tcp, jitter: 0, initially: .unhealthy, firstResultDecides: false)
        var state = HealthState(check, at: Self.start, using: &generator)
        #expect(!state.isHealthy)
        #expect(state.reason == "not probed yet, assumed unhealthy")
        let changes = Self.feed("+-++", to: &state, using: &generator)
        #expect(changes.map { $0?.isHealthy } == [nil, nil, nil, true])
    }

    @Test("the first result decides at once if the check says so, whatever was assumed")
    func firstResultDecides() throws {
        var generator = SeededGenerator(seed: 1)
        for assumption in HealthCheck.Assumption.allCases {
            let check = try HealthCheck("a", .tcp, initially: assumption)
            var up = HealthState(check, at: Self.start, using: &generator)
            var down = up
            #expect(Self.feed("++", to: &up, using: &generator).map { $0?.isHealthy } == [true, nil])
            #expect(up.isHealthy && up.hasVerdict)
            #expect(Self.feed("--", to: &down, using: &generator).map { $0?.isHealthy } == [false, nil])
            #expect(!down.isHealthy)
            #expect(down.reason == "1 probe failed: refused")
        }
    }

    @Test("the next probe is an interval after the start of the last one, and never before its end")
    func scheduleIsKept() throws {
        var generator = SeededGenerator(seed: 1)
        let check = try HealthCheck(
            "a", .tcp, interval: .seconds(5), unhealthyInterval: .seconds(1), timeout: .seconds(20), jitter: 0, fall: 1)
        var state = HealthState(check, at: Self.start, using: &generator)
        #expect(state.nextProbe == Self.start)
        let late = Self.start.advanced(by: .milliseconds(300))
        state.start(at: late)
        _ = state.record(Self.good, at: late.advanced(by: .seconds(2)), using: &generator)
        #expect(state.nextProbe == late.advanced(by: .seconds(5)))
        state.start(at: state.nextProbe)
        let end = state.nextProbe.advanced(by: .seconds(19))
        _ = state.record(Self.bad, at: end, using: &generator)
        #expect(state.nextProbe == end)
        state.start(at: end)
        _ = state.record(Self.bad, at: end, using: &generator)
        #expect(state.nextProbe == end.advanced(by: .seconds(1)))
    }

    @Test("jitter stays within its bounds, is even, and keeps the mean interval")
    func jitterIsBounded() throws {
        var generator = SeededGenerator(seed: 7)
        let check = try HealthCheck("a", .tcp, interval: .seconds(10), jitter: 0.2)
        var state = HealthState(check, at: Self.start, using: &generator)
        #expect((0.0...2.0).contains(Double(state.nextProbe.nanoseconds) / 1e9))
        var intervals: [Double] = []
        for _ in 0..<2_000 {
            let start = state.nextProbe
            _ = Self.feed("+", to: &state, using: &generator)
            intervals.append(Double(state.nextProbe.nanoseconds - start.nanoseconds) / 1e9)
        }
        #expect(intervals.allSatisfy { (8.0...12.0).contains($0) })
        #expect(abs(intervals.reduce(0, +) / 2_000 - 10) < 0.1)
        // A quarter of an even spread lies in each quarter.
        for quarter in 0..<4 {
            let low = 8 + Double(quarter)
            let share = Double(intervals.count { $0 >= low && $0 < low + 1 }) / 2_000
            #expect(abs(share - 0.25) < 0.04, "\(share) in quarter \(quarter)")
        }
    }
}
