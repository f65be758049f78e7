#if ZooKeeper
import ColonyCoordination
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite(
    "An ensemble of three under faults", .enabled(if: ZooKeeperProcess.isAvailable), .serialized,
    .timeLimit(.minutes(8)))
struct ZooKeeperEnsembleTests {
    @Test func `leases survive the death of the leader, and tokens rise`() async throws {
        let ensemble = try await ZooKeeperEnsemble()
        let engine = try ensemble.engine("/colony?session_timeout_ms=20000&timeout_ms=30000")
        let other = try ensemble.engine("/colony?session_timeout_ms=20000&timeout_ms=30000")
        let lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(17)).lease)
        #expect(try await other.tryAcquire("job", owner: "b", for: .seconds(5)).lease == nil)
        try ensemble.leader().kill()
        let renewed = try #require(try await engine.renew(lease, for: .seconds(17)), "the lease was lost")
        #expect(renewed.token == lease.token && renewed.expiry > lease.expiry)
        #expect(try await other.tryAcquire("job", owner: "b", for: .seconds(5)).lease == nil)
        #expect(try await engine.release("job", owner: "a", token: lease.token))
        let next = try #require(try await other.tryAcquire("job", owner: "b", for: .seconds(5)).lease)
        #expect(next.token > lease.token)
        await engine.close()
        await other.close()
    }

    /// The leader is among them: then the others need an election, end the connections of their clients meanwhile, and one
    /// that looks for another server may come to the one that stands still, which takes the connection and says nothing.
    @Test func `a lease survives a server that stands still`() async throws {
        let ensemble = try await ZooKeeperEnsemble()
        let engine = try ensemble.engine("/colony?session_timeout_ms=15000&timeout_ms=40000")
        var lease = try #require(try await engine.tryAcquire("job", owner: "a", for: .seconds(13)).lease)
        for _ in 0..<2 {
            for server in ensemble.servers {
                server.suspend()
                lease = try #require(try await engine.renew(lease, for: .seconds(13)), "the lease was lost")
                server.resume()
                try await ensemble.agrees()
                lease = try #require(try await engine.renew(lease, for: .seconds(13)), "the lease was lost")
            }
        }
        await engine.close()
    }

    @Test func `servers that stand still or are gone are passed by who comes anew`() async throws {
        let ensemble = try await ZooKeeperEnsemble()
        let follower = try #require(ensemble.servers.first { $0.mode == "follower" })
        follower.suspend()
        // Clients begin at any of the servers; of several, some begin where nobody answers.
        for number in 0..<6 {
            let engine = try ensemble.engine("/colony?session_timeout_ms=15000&timeout_ms=9000")
            let name = try LeaseName("job \(number)")
            #expect(try await engine.tryAcquire(name, owner: "a", for: .seconds(5)).lease != nil)
            await engine.close()
        }
        follower.resume()
        try await ensemble.agrees()
        let present = try ensemble.leader()
        let other = try #require(ensemble.servers.last { $0.mode == "follower" })
        other.kill()
        for number in 0..<6 {
            let hosts = "127.0.0.1:\(other.port),127.0.0.1:\(present.port)"
            let engine = try ZooKeeperLeaseEngine(
                url: EngineURL("zookeeper://\(hosts)/colony?session_timeout_ms=15000&timeout_ms=20000"))
            let name = try LeaseName("work \(number)")
            #expect(try await engine.tryAcquire(name, owner: "a", for: .seconds(5)).lease != nil)
            await engine.close()
        }
    }

    @Test func `permits and records survive the death of the leader, and the limit holds`() async throws {
        let ensemble = try await ZooKeeperEnsemble()
        let suffix = "/colony?session_timeout_ms=20000&timeout_ms=30000"
        let engines = [try ensemble.engine(suffix), try ensemble.engine(suffix)]
        let kept = PermitRequest(2, of: "pool", limit: 3, owner: "kept", for: .seconds(17))
        let lease = try #require(try await engines[0].takePermits(kept).lease)
        let life = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .seconds(17))
        _ = try await engines[0].put(RegistryWrite([1], for: "a", lifetime: life), in: "services")
        let most = SharedValue(0)
        let inside = SharedValue(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                let engine = engines[number % 2]
                let request = PermitRequest(
                    1, of: "pool", limit: 3, owner: try OwnerID("o\(number)"), for: .seconds(17), claim: .seconds(17))
                group.addTask {
                    for _ in 1...15 {
                        var taken: Lease?
                        while taken == nil {
                            taken = try? await engine.takePermits(request).lease
                            if taken == nil { _ = try? await engine.waitForPermits(request, upTo: .seconds(5)) }
                        }
                        let count = inside.change { count -> Int in
                            count += 1
                            return count
                        }
                        most.change { $0 = max($0, count) }
                        inside.change { $0 -= 1 }
                        var isReturned = false
                        while !isReturned {
                            isReturned =
                                (try? await engine.returnPermits("pool", owner: request.owner, token: taken?.token))
                                != nil
                        }
                    }
                }
            }
            try ensemble.leader().kill()
            try await group.waitForAll()
        }
        #expect(most.value == 1, "beside two of three permits, \(most.value) were granted at once")
        #expect(try await engines[0].renewPermits(lease, for: .seconds(17))?.token == lease.token)
        #expect(try await engines[1].inspectPermits("pool").holders.map(\.owner) == ["kept"])
        #expect(try await engines[0].renewRecord("a", in: "services", owner: "me", for: .seconds(17)))
        #expect(try await engines[1].snapshot(of: "services")["a"]?.value == [1])
        for engine in engines { await engine.close() }
    }

    @Test func `without a majority nothing is granted, and with it again all goes on`() async throws {
        let ensemble = try await ZooKeeperEnsemble()
        let engine = try ensemble.engine("/colony?session_timeout_ms=9000&timeout_ms=2000")
        _ = try await engine.inspect("job")
        ensemble.servers[0].kill()
        ensemble.servers[1].kill()
        let error = await failure { try await engine.tryAcquire("job", owner: "a", for: .seconds(5)) }
        #expect(error?.code == .unavailable)
        try ensemble.servers[0].start()
        try await eventually("granted again") {
            (try? await engine.tryAcquire("job", owner: "a", for: .seconds(5)).lease) != nil
        }
        await engine.close()
    }
}
#endif
