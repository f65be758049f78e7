import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Failover decisions")
struct FailoverStateTests {
    private var now: MonotonicInstant { MonotonicInstant(nanoseconds: 0) }

    private func at(_ seconds: Double) -> MonotonicInstant { MonotonicInstant(nanoseconds: Int64(seconds * 1e9)) }

    private func state(targets: Int = 2, failures: Int = 2, returnAfter: Duration = .seconds(8)) throws -> FailoverState
    {
        FailoverState(
            targets: targets,
            try FailoverOptions(
                failuresToOpen: failures, firstRest: .seconds(10), longestRest: .seconds(35), returnAfter: returnAfter))
    }

    /// Makes a call at an instant and gives the target that it went to.
    private func call(
        _ state: inout FailoverState, at seconds: Double, _ outcome: FailoverState.Outcome
    ) -> Int? {
        guard let assignment = state.assign(at: self.at(seconds)) else { return nil }
        _ = state.report(assignment, outcome, at: self.at(seconds))
        return assignment.target
    }

    @Test func `only failures in a row open a target`() throws {
        var state = try self.state()
        for second in 0..<10 {
            #expect(self.call(&state, at: Double(second), second % 2 == 0 ? .failure : .success) == 0)
        }
        #expect(self.call(&state, at: 10, .failure) == 0)
        #expect(self.call(&state, at: 11, .nothing) == 0, "a cancellation is no failure")
        #expect(self.call(&state, at: 12, .failure) == 0)
        #expect(self.call(&state, at: 13, .success) == 1)
        #expect(state.health(at: self.at(13)) == [.out(remaining: .seconds(9)), .healthy])
    }

    @Test func `the rest grows up to its bound, and one call at a time tries the target`() throws {
        var state = try self.state(targets: 1, failures: 1)
        #expect(self.call(&state, at: 0, .failure) == 0)
        var time = 0.0
        for rest in [10.0, 20, 35, 35] {
            let early = state.assign(at: self.at(time + rest - 0.1))
            #expect(early == nil)
            time += rest
            let probeCall = state.assign(at: self.at(time))
            let probe = try #require(probeCall)
            #expect(probe.isProbe)
            let second = state.assign(at: self.at(time))
            #expect(second == nil, "the probe is alone")
            _ = state.report(probe, .failure, at: self.at(time))
        }
    }

    @Test func `a cancelled probe gives its place back`() throws {
        var state = try self.state(targets: 1, failures: 1)
        #expect(self.call(&state, at: 0, .failure) == 0)
        for _ in 1...3 {
            let probeCall = state.assign(at: self.at(10))
            let probe = try #require(probeCall)
            #expect(probe.isProbe)
            _ = state.report(probe, .nothing, at: self.at(10))
        }
    }

    @Test func `a success that was no probe leaves the mark of the probe under way`() throws {
        var state = try self.state(targets: 1, failures: 1)
        #expect(self.call(&state, at: 0, .failure) == 0)
        #expect(self.call(&state, at: 10, .success) == 0)
        let otherCall = state.assign(at: self.at(11))
        let other = try #require(otherCall)
        let probeCall = state.assign(at: self.at(12))
        let probe = try #require(probeCall)
        #expect(!other.isProbe && probe.isProbe)
        _ = state.report(other, .success, at: self.at(12.5))
        let nextCall = state.assign(at: self.at(15))
        #expect(try #require(nextCall).isProbe == false, "one probe at a time")
    }

    @Test func `calls stay where they are until the better target was healthy for a while`() throws {
        var state = try self.state()
        for second in [0.0, 1] { #expect(self.call(&state, at: second, .failure) == 0) }
        #expect(self.call(&state, at: 5, .success) == 1)
        #expect(self.call(&state, at: 11, .success) == 0, "the probe")
        #expect(self.call(&state, at: 11.5, .success) == 1)
        // One call in each quarter of eight seconds.
        #expect(self.call(&state, at: 13, .success) == 0)
        #expect(self.call(&state, at: 13, .success) == 1)
        #expect(self.call(&state, at: 16, .success) == 0)
        #expect(self.call(&state, at: 16.5, .success) == 1)
        #expect(self.call(&state, at: 19, .success) == 0, "eight seconds after the first probe")
        #expect(state.present == 0)
        #expect(self.call(&state, at: 19, .success) == 0)
        #expect(self.call(&state, at: 19, .success) == 0)
    }

    @Test func `a failure while it recovers sends the better target out for longer`() throws {
        var state = try self.state()
        for second in [0.0, 1] { _ = self.call(&state, at: second, .failure) }
        #expect(self.call(&state, at: 11, .success) == 0)
        #expect(self.call(&state, at: 13, .failure) == 0)
        #expect(state.health(at: self.at(13))[0] == .out(remaining: .seconds(20)))
        #expect(self.call(&state, at: 14, .success) == 1)
    }

    @Test func `outcomes of calls that began in an earlier state are not counted`() throws {
        var state = try self.state(failures: 1)
        let firstCall = state.assign(at: self.at(0))
        let first = try #require(firstCall)
        let secondCall = state.assign(at: self.at(0))
        let second = try #require(secondCall)
        _ = state.report(first, .failure, at: self.at(1))
        let late = state.report(second, .success, at: self.at(2))
        #expect(late == nil)
        #expect(state.health(at: self.at(2))[0] == .out(remaining: .seconds(9)))
        let probeCall = state.assign(at: self.at(11))
        let probe = try #require(probeCall)
        #expect(probe.target == 0)
        _ = state.report(probe, .success, at: self.at(11))
        let later = state.report(second, .failure, at: self.at(11))
        #expect(later == nil)
        #expect(state.health(at: self.at(11))[0] == .recovering)
    }

    @Test func `at once is at once`() throws {
        var state = try self.state(failures: 1, returnAfter: .zero)
        #expect(self.call(&state, at: 0, .failure) == 0)
        #expect(self.call(&state, at: 1, .success) == 1)
        #expect(self.call(&state, at: 10, .success) == 0)
        #expect(self.call(&state, at: 10, .success) == 0)
    }

    @Test(arguments: Seed(rawValue: 9).followed(by: 200))
    func `over random schedules a target that is out gets at most one call at a time`(seed: Seed) throws {
        var generator = SeededGenerator(seed: seed)
        let count = Int.random(in: 1...4, using: &generator)
        var state = try self.state(targets: count, failures: Int.random(in: 1...3, using: &generator))
        var time = 0.0
        var open: [FailoverState.Assignment] = []
        for _ in 0..<1_000 {
            time += Double.random(in: 0...2, using: &generator)
            let now = self.at(time)
            if generator.happens(withProbability: 0.5) || open.isEmpty {
                let before = state.health(at: now)
                if let assignment = state.assign(at: now) {
                    switch before[assignment.target] {
                    case .healthy, .recovering: break
                    case .out(let remaining): #expect(remaining == .zero && assignment.isProbe, "seed \(seed)")
                    case .probing: Issue.record("seed \(seed): a second call to a target that is probed")
                    }
                    open.append(assignment)
                } else {
                    #expect(!before.contains(.healthy), "seed \(seed)")
                    #expect(!before.contains(.recovering), "seed \(seed)")
                }
            } else {
                let assignment = open.remove(at: Int.random(in: 0..<open.count, using: &generator))
                let outcome: FailoverState.Outcome =
                    generator.happens(withProbability: 0.4)
                    ? .failure : generator.happens(withProbability: 0.2) ? .nothing : .success
                _ = state.report(assignment, outcome, at: now)
            }
        }
        // Once all calls succeed, the best target has them again within a bound.
        for assignment in open { _ = state.report(assignment, .nothing, at: self.at(time)) }
        for _ in 0..<200 {
            time += 1
            _ = self.call(&state, at: time, .success)
        }
        #expect(state.present == 0, "seed \(seed)")
        #expect(state.health(at: self.at(time))[0] == .healthy, "seed \(seed)")
    }
}
