#if ZooKeeper
import ColonyCoordination
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite(
    "Permits on ZooKeeper", .enabled(if: ZooKeeperProcess.isAvailable), .serialized, .timeLimit(.minutes(5))
)
struct ZooKeeperPermitTests {
    private static let suffix = "/colony?session_timeout_ms=60000&timeout_ms=20000"

    private func request(
        _ permits: Int, _ owner: OwnerID, limit: Int = 3, for duration: Duration = .seconds(50), claim: Duration? = nil
    ) -> PermitRequest {
        PermitRequest(permits, of: "pool", limit: limit, owner: owner, for: duration, claim: claim)
    }

    @Test func `no more are granted than there are, by two engines at once`() async throws {
        let server = try await ZooKeeperProcess()
        let engines = [try server.engine(Self.suffix), try server.engine(Self.suffix)]
        let inside = SharedValue(0)
        let most = SharedValue(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...20 {
                let engine = engines[number % 2]
                let request = self.request(1, try OwnerID("o\(number)"), claim: .seconds(30))
                group.addTask {
                    while true {
                        if let lease = try await engine.takePermits(request).lease {
                            let count = inside.change { count -> Int in
                                count += 1
                                return count
                            }
                            most.change { $0 = max($0, count) }
                            #expect(count <= 3)
                            inside.change { $0 -= 1 }
                            #expect(try await engine.returnPermits("pool", owner: request.owner, token: lease.token))
                            return
                        }
                        _ = try await engine.waitForPermits(request, upTo: .seconds(30))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(most.value > 0)
        let record = try await engines[0].inspectPermits("pool")
        #expect(record.holders.isEmpty && record.claims.isEmpty)
        for engine in engines { await engine.close() }
    }

    @Test func `a claim keeps its place, and who comes later does not pass it`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let reader = try #require(try await engine.takePermits(self.request(1, "reader")).lease)
        guard case .refused(let refusal) = try await other.takePermits(self.request(3, "writer", claim: .seconds(30)))
        else {
            Issue.record("a writer was let in beside a reader")
            return
        }
        #expect(refusal.available == 2 && refusal.holder.owner == "reader" && refusal.holder.token == reader.token)
        #expect(try await engine.takePermits(self.request(1, "late")).lease == nil)
        let record = try await engine.inspectPermits("pool")
        #expect(record.holders.map(\.owner) == ["reader"] && record.claims.map(\.owner) == ["writer"])
        let wait = Task {
            try await other.waitForPermits(self.request(3, "writer", claim: .seconds(30)), upTo: .seconds(60))
        }
        #expect(try await engine.renewPermits(reader, for: .seconds(50))?.token == reader.token)
        #expect(try await other.renewPermits(reader, for: .seconds(50))?.token == reader.token)
        #expect(try await engine.returnPermits("pool", owner: "reader", token: reader.token))
        #expect(try await wait.value)
        #expect(try await engine.takePermits(self.request(1, "late")).lease == nil)
        let writer = try #require(try await other.takePermits(self.request(3, "writer", claim: .seconds(30))).lease)
        #expect(writer.token > reader.token)
        #expect(try await engine.takePermits(self.request(1, "late")).lease == nil)
        #expect(try await other.returnPermits("pool", owner: "writer", token: nil))
        #expect(try await engine.takePermits(self.request(1, "late")).lease != nil)
        await engine.close()
        await other.close()
    }

    @Test func `permits and claims run out`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let lease = try #require(try await engine.takePermits(self.request(3, "a", for: .milliseconds(400))).lease)
        #expect(try await other.takePermits(self.request(2, "b", claim: .milliseconds(300))).lease == nil)
        let clock = HostClock()
        #expect(try await other.waitForPermits(self.request(2, "c"), upTo: .seconds(30)))
        #expect(clock.now >= lease.expiry)
        #expect(try await other.takePermits(self.request(2, "c")).lease != nil)
        #expect(try await engine.renewPermits(lease, for: .seconds(1)) == nil)
        #expect(try await engine.inspectPermits("pool").claims.isEmpty)
        await engine.close()
        await other.close()
    }

    @Test func `the data of a node comes back as it was written, and that of others is none`() throws {
        var node = PermitNode(owner: "a b", kind: .claim, permits: 3, duration: .milliseconds(1_500))
        #expect(PermitNode(node.bytes) == node)
        node.token = 7
        node.since = 1_700_000_000_000
        #expect(PermitNode(node.bytes) == node)
        for text in ["", "me", "me\n", "me\ncolony/1", "me\ncolony/1 kind=hold permits=0 duration_ns=1", "a\nb\nc"] {
            #expect(PermitNode(Array(text.utf8)) == nil, "\(text)")
        }
    }

    /// Owners that ask now here, now there make engines take nodes over from each other all the time, so that looks miss nodes.
    @Test func `owners that move between engines are never granted too much, and have one token each`() async throws {
        let server = try await ZooKeeperProcess()
        let engines = try (0..<3).map { _ in try server.engine(Self.suffix) }
        let inside = SharedValue(0)
        let tokens = SharedValue<[FencingToken]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<9 {
                let permits = 1 + number % 3
                let request = self.request(permits, try OwnerID("o\(number)"), limit: 5, claim: .seconds(50))
                group.addTask {
                    for round in 0..<8 {
                        var taken: Lease?
                        var turn = number + round
                        while taken == nil {
                            turn += 1
                            taken = try await engines[turn % 3].takePermits(request).lease
                            if taken == nil {
                                _ = try await engines[(turn + 1) % 3].waitForPermits(request, upTo: .seconds(20))
                            }
                        }
                        let lease = try #require(taken)
                        let count = inside.change { count -> Int in
                            count += permits
                            return count
                        }
                        #expect(count <= 5)
                        tokens.change { $0.append(lease.token) }
                        // Asked again elsewhere, and from two engines at once.
                        let (here, there, elsewhere) = (
                            engines[turn % 3], engines[(turn + 1) % 3], engines[(turn + 2) % 3]
                        )
                        async let again = there.takePermits(request).lease
                        async let renewed = elsewhere.renewPermits(lease, for: .seconds(50))
                        #expect(try await again?.token == lease.token)
                        #expect(try await renewed?.token == lease.token)
                        let holders = try await here.inspectPermits("pool").holders
                        #expect(holders.reduce(0) { $0 + $1.permits } <= 5)
                        #expect(holders.filter { $0.owner == request.owner }.map(\.token) == [lease.token])
                        inside.change { $0 -= permits }
                        let isEnded = try await there.returnPermits(
                            "pool", owner: request.owner, token: round.isMultiple(of: 2) ? lease.token : nil)
                        #expect(isEnded)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(Set(tokens.value).count == 72)
        let record = try await engines[0].inspectPermits("pool")
        #expect(record.holders.isEmpty && record.claims.isEmpty)
        for engine in engines { await engine.close() }
    }

    @Test func `a hold that another engine has taken over does not end with the time of the first`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let lease = try #require(try await engine.takePermits(self.request(3, "a", for: .seconds(2))).lease)
        #expect(try await other.renewPermits(lease, for: .seconds(50))?.token == lease.token)
        // The first engine's time for it is over when permits that it granted for as long are free again.
        let later = PermitRequest(1, of: "clock", limit: 1, owner: "a", for: .seconds(2))
        #expect(try await engine.takePermits(later).lease != nil)
        let next = PermitRequest(1, of: "clock", limit: 1, owner: "b", for: .seconds(2))
        #expect(try await engine.waitForPermits(next, upTo: .seconds(40)))
        #expect(try await engine.inspectPermits("pool").holders.map(\.token) == [lease.token])
        #expect(try await engine.takePermits(self.request(1, "b")).lease == nil)
        #expect(try await other.returnPermits("pool", owner: "a", token: lease.token))
        #expect(try await engine.takePermits(self.request(1, "b")).lease != nil)
        await engine.close()
        await other.close()
    }

    @Test func `a grant whose answer is lost is found, and no other is made`() async throws {
        let server = try await ZooKeeperProcess()
        let relay = try Relay(to: server.port)
        let engine = try ZooKeeperLeaseEngine(url: try server.url(Self.suffix, at: relay.port))
        let other = try server.engine(Self.suffix)
        _ = try await engine.inspectPermits("pool")
        for round in 1...5 {
            relay.swallowAnswer(to: "pool/hold-")
            let lease = try #require(try await engine.takePermits(self.request(2, "a")).lease)
            #expect(relay.swallowed >= round)
            #expect(try await other.inspectPermits("pool").holders.map(\.token) == [lease.token])
            relay.swallowAnswer(to: "pool/claim-")
            #expect(try await engine.takePermits(self.request(2, "b", claim: .seconds(30))).lease == nil)
            #expect(try await other.inspectPermits("pool").claims.map(\.owner) == ["b"])
            #expect(try await engine.returnPermits("pool", owner: "a", token: lease.token))
            _ = try await engine.returnPermits("pool", owner: "b", token: nil)
            let rest = try await other.inspectPermits("pool")
            #expect(rest.holders.isEmpty && rest.claims.isEmpty)
        }
        await engine.close()
        await other.close()
        relay.close()
    }

    @Test func `no herd: one return among 300 who claim is one event`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let first = try #require(try await engine.takePermits(self.request(1, "first", limit: 1)).lease)
        let count = 300
        let served = SharedValue(0)
        var waiters: [Task<Void, any Error>] = []
        for number in 1...count {
            let request = self.request(1, try OwnerID("waiter-\(number)"), limit: 1, claim: .seconds(600))
            #expect(try await engine.takePermits(request).lease == nil)
            waiters.append(
                Task {
                    while try await !engine.waitForPermits(request, upTo: .seconds(120)) {}
                    served.change { $0 += 1 }
                })
        }
        try await eventually("all wait, each for the claim before it") { server.figure("zk_watch_count") == count }
        let before = try #require(server.figure("zk_packets_sent"))
        #expect(try await engine.returnPermits("pool", owner: "first", token: first.token))
        try await eventually("one is served") { served.value == 1 }
        let after = try #require(server.figure("zk_packets_sent"))
        // One of them looks, and each look reads all claims. A herd of them would need a hundred times as much.
        #expect(after - before < 3 * count, "one return cost \(after - before) packets")
        #expect(served.value == 1)
        for waiter in waiters { waiter.cancel() }
        for waiter in waiters { _ = await waiter.result }
        await engine.close()
    }

    @Test func `tokenMonotonicForever: permits outlive a kill of the server, and tokens rise`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        var last = FencingToken(rawValue: 0)
        for _ in 1...3 {
            let lease = try #require(try await engine.takePermits(self.request(3, "a")).lease)
            #expect(lease.token > last)
            last = lease.token
            server.kill()
            try server.start()
            #expect(try await engine.takePermits(self.request(1, "b")).lease == nil)
            #expect(try await engine.renewPermits(lease, for: .seconds(50))?.token == lease.token)
            #expect(try await engine.returnPermits("pool", owner: "a", token: lease.token))
        }
        await engine.close()
    }

    @Test func `sessionExpiryEndsEveryLease: permits and claims of a dead process are free after its session`()
        async throws
    {
        let server = try await ZooKeeperProcess()
        let relay = try Relay(to: server.port)
        let dead = try ZooKeeperLeaseEngine(
            url: try server.url("/colony?session_timeout_ms=2000&timeout_ms=20000", at: relay.port))
        let other = try server.engine(Self.suffix)
        let lease = try #require(try await dead.takePermits(self.request(2, "a", for: .seconds(1_000))).lease)
        #expect(lease.duration == .milliseconds(1_800))
        #expect(try await dead.takePermits(self.request(3, "b", claim: .seconds(1_000))).lease == nil)
        // Renewed at the last moment, and cut off: no lease is longer than the ensemble keeps the node.
        let renewed = try #require(try await dead.renewPermits(lease, for: .seconds(1_000)))
        relay.pause()
        let clock = HostClock()
        #expect(try await other.waitForPermits(self.request(3, "c"), upTo: .seconds(40)))
        let next = try #require(try await other.takePermits(self.request(3, "c")).lease)
        #expect(clock.now >= renewed.expiry && next.token > lease.token)
        relay.resume()
        #expect(try await dead.renewPermits(lease, for: .seconds(1)) == nil)
        #expect(try await !dead.returnPermits("pool", owner: "a", token: lease.token))
        #expect(try await other.inspectPermits("pool").holders.map(\.owner) == ["c"])
        await dead.close()
        await other.close()
        relay.close()
    }
}

@Suite("Turns of the tasks of one engine")
struct TurnsTests {
    @Test func `each has its turn in order, and who gives up does not keep it`() async throws {
        let turns = Turns()
        let clock = HostClock()
        let end = clock.now.advanced(by: .seconds(60))
        #expect(try await turns.begin("a", until: end, on: clock))
        #expect(try await turns.begin("b", until: end, on: clock))
        #expect(try await !turns.begin("a", until: clock.now, on: clock))
        let waiting = Task { try await turns.begin("a", until: end, on: clock) }
        try await eventually("it waits") { turns.waiters(of: "a") == 1 }
        let last = Task { try await turns.begin("a", until: end, on: clock) }
        try await eventually("both wait") { turns.waiters(of: "a") == 2 }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        turns.end("a")
        #expect(try await last.value)
        turns.end("a")
        #expect(try await turns.begin("a", until: end, on: clock))
    }
}
#endif
