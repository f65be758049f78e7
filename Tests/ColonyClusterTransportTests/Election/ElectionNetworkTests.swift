import ColonyCore
import RealServers
import Testing

/// Elections and membership among processes on hosts of a network of their own, which is cut in every way. Needs root.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ElectionNetworkTests {
    /// Gives nodes on a network to a test, unless there can be none.
    private func with(_ names: [String], _ body: (Candidates, PrivateNetwork) async throws -> Void) async throws {
        if let obstacle = PrivateNetwork.obstacle {
            print("skipped: elections on a network of their own: \(obstacle)")
            #expect(!InstalledPrograms.isMissingAnError, "there was no network: \(obstacle)")
            return
        }
        let network = try PrivateNetwork(names.count)
        let candidates = try Candidates(names, on: network)
        try await body(candidates, network)
        try candidates.log.audit()
    }

    @Test(
        "The smaller side of a partition has no leader, the larger one has, and after it one leads, and all are members"
    )
    func partition() async throws {
        let names = ["a", "b", "c", "d", "e"]
        try await self.with(names) { candidates, network in
            let leader = try await candidates.agreement()
            try await candidates.membership()
            // The leader, and one more.
            let minority = [leader.name, try #require(names.first { $0 != leader.name })]
            let majority = names.filter { !minority.contains($0) }
            for name in minority { try network.setAside(candidates.host(name)) }
            let cutAt = HostClock().now
            let next = try await candidates.leader(after: leader.term)
            #expect(majority.contains(next.name), "\(next)")
            _ = try await candidates.agreement(of: majority)
            try await candidates.membership(of: majority)
            try await candidates.membership(of: minority.sorted())
            try await candidates.nobodyBegins(for: candidates.timeout * 3, after: next)
            // The lease counts from a heartbeat that was sent before the cut.
            let late = candidates.log.events.filter {
                minority.contains($0.name) && $0.word == "acts"
                    && $0.at > cutAt.advanced(by: candidates.timeout)
            }
            #expect(late.isEmpty, "the smaller side went on: \(late)")
            for name in minority {
                #expect(candidates.log.latest("sees", of: name)?.rest.hasSuffix(" -") == true)
                try network.mend(candidates.host(name))
            }
            let agreed = try await candidates.agreement()
            #expect(agreed == next, "those who came back have disturbed \(next): \(agreed)")
            try await candidates.membership()
            try await candidates.nobodyBegins(for: candidates.timeout * 2, after: next)
        }
    }

    @Test(
        "A leader that one of three does not hear leads on, and so it does when one is stopped, killed, or comes back")
    func oneWayLoss() async throws {
        try await self.with(["a", "b", "c"]) { candidates, network in
            let leader = try await candidates.agreement()
            let other = try #require(candidates.names.first { $0 != leader.name })
            let (host, otherHost) = (try candidates.host(leader.name), try candidates.host(other))
            // It does not hear the leader, and asks for votes in vain.
            try network.mute(host, towards: otherHost)
            try await candidates.eventually("a node that hears no leader") {
                $0.latest("sees", of: other)?.rest.hasSuffix(" -") == true
            }
            try await candidates.nobodyBegins(for: candidates.timeout * 4, after: leader)
            try network.unmute(host, towards: otherHost)
            #expect(try await candidates.agreement() == leader)
            // The leader does not hear it.
            try network.mute(otherHost, towards: host)
            try await candidates.nobodyBegins(for: candidates.timeout * 4, after: leader)
            try network.unmute(otherHost, towards: host)
            // It is stopped for a while, and then killed, and comes back each time.
            try candidates[other].suspend()
            try await candidates.nobodyBegins(for: candidates.timeout * 4, after: leader)
            try candidates[other].resume()
            try await candidates.nobodyBegins(for: candidates.timeout * 2, after: leader)
            try candidates[other].kill()
            try await candidates.nobodyBegins(for: candidates.timeout * 2, after: leader)
            try candidates[other].start()
            #expect(try await candidates.agreement() == leader)
            try await candidates.membership()
            try await candidates.nobodyBegins(for: candidates.timeout * 2, after: leader)
        }
    }

    @Test(
        "A leader that nobody hears, and who hears all, stops before another one leads, and follows that one afterwards"
    )
    func muteLeader() async throws {
        try await self.with(["a", "b", "c"]) { candidates, network in
            let leader = try await candidates.agreement()
            let host = try candidates.host(leader.name)
            let others = candidates.names.filter { $0 != leader.name }
            for other in others { try network.mute(host, towards: candidates.host(other)) }
            let next = try await candidates.leader(after: leader.term)
            #expect(next.name != leader.name)
            try await candidates.eventually("the end of the former leadership") {
                $0.events.contains { $0.word == "ends" && $0.term == leader.term }
            }
            // Connections that were open would be silent for about as long again, if nobody gave them up.
            try await candidates.nobodyBegins(for: .seconds(8), after: next)
            for other in others { try network.unmute(host, towards: candidates.host(other)) }
            let mendedAt = HostClock().now
            #expect(try await candidates.agreement() == next)
            let silence = mendedAt.duration(to: try #require(candidates.log.latest("sees", of: leader.name)).at)
            #expect(silence < candidates.timeout * 6, "it was heard \(silence) after the network was mended")
            try await candidates.membership()
            try await candidates.nobodyBegins(for: candidates.timeout * 2, after: next)
        }
    }
}
