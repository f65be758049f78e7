#if Etcd
import ColonyCore
import ColonyEtcd
import Foundation
import Testing

@Suite(
    "A cluster of three that loses members", .enabled(if: EtcdProcess.isAvailable), .serialized,
    .timeLimit(.minutes(10)))
struct EtcdClusterTests {
    /// Renews as a keeper would, and says whether the lease was kept.
    private func keep(
        _ lease: Lease, on engine: EtcdLeaseEngine, _ duration: Duration, until isOver: @Sendable () -> Bool
    ) async throws -> Bool {
        var lease = lease
        let clock = HostClock()
        while !isOver() {
            do {
                guard let renewed = try await engine.renew(lease, for: duration) else { return false }
                lease = renewed
            } catch {
                if clock.now >= lease.expiry { return false }
            }
            try await clock.sleep(for: .milliseconds(100))
        }
        return true
    }

    @Test("a leader that is killed costs no lease and no order of tokens", arguments: [0, 1, 2])
    func leaderIsKilled(_ offset: Int) async throws {
        let cluster = try await EtcdCluster()
        let leader = try await cluster.leader()
        // The engine is connected to the leader, or to one that follows it.
        let engine = try cluster.engine(first: leader + offset)
        let other = try cluster.engine(first: leader + 1)
        let lease = try #require(try await engine.tryAcquire("job", owner: "one", for: .seconds(20)).lease)
        cluster.members[leader].kill()
        var last: Lease? = lease
        try await eventually("the lease is renewed") {
            last = try? await engine.renew(lease, for: .seconds(20))
            return last != nil
        }
        #expect(last?.token == lease.token)
        guard case .held(let holder) = try await other.tryAcquire("job", owner: "two", for: .seconds(20)) else {
            throw Disappointment(description: "a held name was granted after the loss of the leader")
        }
        #expect(holder.token == lease.token)
        #expect(try await engine.release("job", owner: "one", token: lease.token))
        let next = try #require(try await other.tryAcquire("job", owner: "two", for: .seconds(20)).lease)
        #expect(next.token > lease.token)
        // The member comes back and is used like the others.
        try cluster.members[leader].launch()
        try await cluster.members[leader].waitUntilReady()
        let back = try cluster.members[leader].engine()
        #expect(try await back.inspect("job")?.token == next.token)
    }

    @Test("a member that stands still is left for another, in time for a lease of ten seconds")
    func memberStandsStill() async throws {
        let cluster = try await EtcdCluster()
        let leader = try await cluster.leader()
        let engine = try cluster.engine(first: leader) { $0.timeout = .seconds(2) }
        let lease = try #require(try await engine.tryAcquire("job", owner: "one", for: .seconds(10)).lease)
        try await cluster.members[leader].suspend()
        let clock = HostClock()
        let end = clock.now.advanced(by: .seconds(15))
        #expect(try await self.keep(lease, on: engine, .seconds(10)) { clock.now >= end })
        cluster.members[leader].resume()
        #expect(try await engine.release("job", owner: "one", token: lease.token))
    }

    @Test("a waiter keeps its place while the leader changes, and is served once")
    func waiterSurvives() async throws {
        let cluster = try await EtcdCluster()
        let leader = try await cluster.leader()
        let engine = try cluster.engine(first: leader + 1)
        let other = try cluster.engine(first: leader)
        let lease = try #require(try await engine.tryAcquire("job", owner: "one", for: .seconds(60)).lease)
        let waiting = Task { try await other.acquire("job", owner: "two", for: .seconds(60), upTo: .seconds(120)) }
        try await eventually("it waits") { try await engine.inspect("job")?.waiters.count == 1 }
        cluster.members[leader].kill()
        try await eventually("the holder gives the name back") {
            (try? await engine.release("job", owner: "one", token: lease.token)) != nil
        }
        let next = try #require(try await waiting.value.lease)
        #expect(next.token > lease.token)
        try await eventually("it is known") { (try? await engine.inspect("job"))??.owner == "two" }
    }

    @Test("without a majority nothing is granted, and with it again everything goes on")
    func noMajority() async throws {
        let cluster = try await EtcdCluster()
        let engine = try cluster.engine { $0.timeout = .seconds(1) }
        let lease = try #require(try await engine.tryAcquire("job", owner: "one", for: .seconds(60)).lease)
        cluster.members[1].kill()
        cluster.members[2].kill()
        let clock = HostClock()
        for _ in 1...3 {
            let start = clock.now
            let error = try await failure { try await engine.tryAcquire("else", owner: "one", for: .seconds(60)) }
            #expect(error?.code == .unavailable)
            #expect(start.duration(to: clock.now) < .seconds(10))
        }
        try cluster.members[1].launch()
        try await eventually("it goes on") { (try? await engine.renew(lease, for: .seconds(60))) != nil }
        // Without the majority it is unknown whether the request was done; it was done once, if at all.
        if try await engine.tryAcquire("else", owner: "two", for: .seconds(60)).lease == nil {
            #expect(try await engine.inspect("else")?.owner == "one")
        }
    }
}
#endif
