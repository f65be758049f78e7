import ColonyCore
import Foundation
import RealServers
import Testing

/// Elections among processes of their own, which are killed and stopped.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ElectionProcessTests {
    private static let names = ["a", "b", "c"]

    /// With `COLONY_KILLS=100` it measures, and holds the figure; a few kills beside other tests say only that there is another leader.
    @Test("Leaders whose processes are killed, one after the other, are replaced soon, and terms rise")
    func killedLeadersAreReplaced() async throws {
        let kills = ProcessInfo.processInfo.environment["COLONY_KILLS"].flatMap { Int($0) } ?? 5
        let candidates = try Candidates(Self.names, timeout: .milliseconds(300))
        var times: [Duration] = []
        for _ in 1...kills {
            let leader = try await candidates.agreement()
            let start = HostClock().now
            try candidates[leader.name].kill()
            let next = try await candidates.leader(after: leader.term)
            times.append(start.duration(to: next.at))
            try candidates[leader.name].start()
        }
        try candidates.log.audit()
        times.sort()
        let (most, p99) = (times[kills - 1], times[max(0, (kills * 99 + 99) / 100 - 1)])
        let figures = "of \(kills) killed processes: median \(times[kills / 2]), p99 \(p99), most \(most)"
        let isMeasured = kills >= 100
        #expect(p99 <= .seconds(isMeasured ? 1 : 20), "\(figures)")
        if isMeasured { FileHandle.standardOutput.write(Data("\(figures)\n".utf8)) }
    }

    @Test("A leader that is stopped has done its last before another one leads, and does nothing when it goes on")
    func stoppedLeaderHasLost() async throws {
        let candidates = try Candidates(Self.names)
        for _ in 1...3 {
            let leader = try await candidates.agreement()
            let process = try candidates[leader.name]
            try await candidates.eventually("something that the leader does") {
                $0.events.contains { $0.word == "acts" && $0.term == leader.term }
            }
            let number = try #require(process.number)
            try await StoppedProcess.freeze(number)
            let next = try await candidates.leader(after: leader.term)
            #expect(next.name != leader.name)
            let resumedAt = HostClock().now
            process.resume()
            try await candidates.eventually("the end of the former leadership") {
                $0.events.contains { $0.word == "ends" && $0.term == leader.term }
            }
            try await candidates.eventually("the former leader as a follower") {
                $0.latest("sees", of: leader.name)?.rest == "\(next.term) \(next.name)"
            }
            let late = candidates.log.events.filter {
                $0.word == "acts" && $0.term == leader.term && $0.at >= resumedAt
            }
            #expect(late.isEmpty, "the former leader went on: \(late)")
            // Whoever comes back disturbs nobody.
            try await candidates.nobodyBegins(for: candidates.timeout * 2, after: next)
        }
        try candidates.log.audit()
    }
}
