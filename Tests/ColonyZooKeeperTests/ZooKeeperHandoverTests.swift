#if ZooKeeper
import ColonyCoordination
import ColonyCore
import ColonyZooKeeper
import Testing

/// What goes wrong between engines when each knows only what is written.
@Suite(
    "What passes from one engine on ZooKeeper to another", .enabled(if: ZooKeeperProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5))
)
struct ZooKeeperHandoverTests {
    private static let suffix = "/colony?session_timeout_ms=60000&timeout_ms=20000"

    /// A clock that jumps while alarms that were set before sleep on, as when a process was stopped.
    private struct JumpingClock: MonotonicClock {
        let ahead = SharedValue(Duration.zero)
        private let host = HostClock()

        var now: MonotonicInstant { self.host.now.advanced(by: self.ahead.value) }
        var minimumResolution: Duration { self.host.minimumResolution }

        func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
            try await self.host.sleep(until: deadline.advanced(by: .zero - self.ahead.value), tolerance: tolerance)
        }
    }

    /// The node of each is new, so both have version zero, which alone does not tell them apart.
    @Test func `a renewal does not write over what another engine has put meanwhile`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let mine = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .seconds(40))
        let yours = RegistryWrite.Lifetime.ephemeral(owner: "you", duration: .seconds(40))
        for round in 1...150 {
            _ = try await engine.put(RegistryWrite([1], for: "a", lifetime: mine), in: "g")
            async let renewal = engine.renewRecord("a", in: "g", owner: "me", for: .seconds(50))
            guard
                case .written(let record) = try await other.put(RegistryWrite([2], for: "a", lifetime: yours), in: "g")
            else {
                Issue.record("a write without condition was in conflict")
                return
            }
            _ = try await renewal
            let present = try await other.snapshot(of: "g")["a"]
            #expect(present == record, "in round \(round)")
            guard present == record else { break }
            #expect(try await other.removeRecord("a", from: "g", if: .always))
        }
        await engine.close()
        await other.close()
    }

    @Test func `a hold that ran out while the process was stopped is deleted before anybody is told`() async throws {
        let server = try await ZooKeeperProcess()
        let clock = JumpingClock()
        let engine = try ZooKeeperLeaseEngine(url: try server.url(Self.suffix), clock: clock)
        let other = try server.engine(Self.suffix)
        let request = PermitRequest(1, of: "pool", limit: 1, owner: "a", for: .seconds(50))
        let lease = try #require(try await engine.takePermits(request).lease)
        clock.ahead.change { $0 = .seconds(51) }
        #expect(try await engine.renewPermits(lease, for: .seconds(50)) == nil)
        #expect(try await other.inspectPermits("pool").holders.isEmpty)
        let next = PermitRequest(1, of: "pool", limit: 1, owner: "b", for: .seconds(50))
        #expect(try await other.takePermits(next).lease != nil)
        await engine.close()
        await other.close()
    }

    @Test func `permits that are refused to an owner do not end the renewal that is under way`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        for round in 1...60 {
            let request = PermitRequest(1, of: "pool", limit: 3, owner: "a", for: .seconds(50))
            let lease = try #require(try await engine.takePermits(request).lease)
            // Another number than is held.
            let wrong = PermitRequest(2, of: "pool", limit: 3, owner: "a", for: .seconds(50))
            async let refused = failure { try await other.takePermits(wrong) }
            async let renewed = other.renewPermits(lease, for: .seconds(50))
            #expect(await refused?.code == .invalidRequest, "in round \(round)")
            #expect(try await renewed?.token == lease.token, "in round \(round)")
            #expect(try await engine.inspectPermits("pool").holders.map(\.token) == [lease.token], "in round \(round)")
            #expect(try await other.returnPermits("pool", owner: "a", token: lease.token))
        }
        await engine.close()
        await other.close()
    }

    @Test func `a shorter renewal does not hide a longer promise of permits from the next engine`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let third = try server.engine(Self.suffix)
        let clock = HostClock()
        let request = PermitRequest(1, of: "pool", limit: 1, owner: "a", for: .seconds(5))
        let lease = try #require(try await engine.takePermits(request).lease)
        let renewed = try #require(try await engine.renewPermits(lease, for: .milliseconds(500)))
        #expect(renewed.expiry >= lease.expiry)
        #expect(try await other.renewPermits(lease, for: .milliseconds(500)) != nil)
        #expect(try await third.renewPermits(lease, for: .milliseconds(500)) != nil)
        let next = PermitRequest(1, of: "pool", limit: 1, owner: "b", for: .seconds(5))
        while try await engine.takePermits(next).lease == nil {
            _ = try await engine.waitForPermits(next, upTo: .seconds(40))
        }
        #expect(clock.now >= renewed.expiry)
        for engine in [engine, other, third] { await engine.close() }
    }

    @Test func `a shorter renewal does not hide a longer lease from the next engine`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let third = try server.engine(Self.suffix)
        let clock = HostClock()
        let lease = try #require(try await engine.tryAcquire("a", owner: "me", for: .seconds(5)).lease)
        let renewed = try #require(try await engine.renew(lease, for: .milliseconds(500)))
        #expect(renewed.expiry >= lease.expiry)
        #expect(try await other.renew(lease, for: .milliseconds(500)) != nil)
        #expect(try await third.renew(lease, for: .milliseconds(500)) != nil)
        let next = try await engine.acquire("a", owner: "you", for: .seconds(5), upTo: .seconds(40))
        #expect(next.lease != nil)
        #expect(clock.now >= renewed.expiry)
        for engine in [engine, other, third] { await engine.close() }
    }

    @Test func `a shorter renewal does not hide a longer life of a record from the next engine`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let third = try server.engine(Self.suffix)
        let clock = HostClock()
        let before = clock.now
        let life = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .seconds(5))
        _ = try await engine.put(RegistryWrite([1], for: "a", lifetime: life), in: "g")
        #expect(try await other.renewRecord("a", in: "g", owner: "me", for: .milliseconds(500)))
        #expect(try await third.renewRecord("a", in: "g", owner: "me", for: .milliseconds(500)))
        try await eventually("it ended") { try await engine.snapshot(of: "g").records.isEmpty }
        #expect(clock.now >= before.advanced(by: .seconds(5)))
        for engine in [engine, other, third] { await engine.close() }
    }

    @Test func `beside a node among permits that cannot be read, nothing is granted`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        // Its locks are nodes in the place of permits, which are not written as those are.
        let stranger = try server.engine("/colony/+permits?session_timeout_ms=60000&timeout_ms=20000")
        let node = try #require(try await stranger.tryAcquire("pool", owner: "x", for: .seconds(50)).lease)
        let request = PermitRequest(1, of: "pool", limit: 1, owner: "a", for: .seconds(50))
        #expect(await failure { try await engine.takePermits(request) }?.code == .storageFailed)
        #expect(await failure { try await engine.inspectPermits("pool") }?.code == .storageFailed)
        #expect(try await stranger.release("pool", owner: "x", token: node.token))
        #expect(try await engine.takePermits(request).lease != nil)
        await engine.close()
        await stranger.close()
    }
}
#endif
