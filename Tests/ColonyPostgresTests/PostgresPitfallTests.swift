#if Postgres
import ColonyCoordination
import ColonyCore
import ColonyPostgres
import Foundation
import Synchronization
import Testing

@Suite(
    "The pitfalls of coordination, on PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .serialized,
    .timeLimit(.minutes(5)))
struct PostgresPitfallTests {
    @Test func `waiterChecksOwnLease: a waiter that was taken for dead does not return before its turn`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let owners = (0..<3).map { _ in OwnerID.unique() }
        let first = try #require(try await engine.tryAcquire("job", owner: owners[0], for: .seconds(600)).lease)
        let forgotten = Task { try await Self.turn(of: owners[1], on: engine) }
        try await eventually("it waits") { try await engine.inspect("job")?.waiters.count == 1 }
        try server.psql("DELETE FROM colony.waiter; DELETE FROM colony.engine")
        let next = Task { try await Self.turn(of: owners[2], on: other) }
        try await eventually("the next waits") {
            try await engine.inspect("job")?.waiters.contains { $0.owner == owners[2] } == true
        }
        #expect(try await engine.release("job", owner: owners[0], token: first.token))
        let tokens = [first.token, try await next.value, try await forgotten.value]
        #expect(Set(tokens).count == 3 && tokens.min() == first.token)
        await engine.close()
        await other.close()
    }

    /// Waits for a turn, looks whether the one who returned is the one who holds the name, and lets the next have it.
    private static func turn(of owner: OwnerID, on engine: PostgresLeaseEngine) async throws -> FencingToken {
        let answer = try await engine.acquire("job", owner: owner, for: .seconds(600), upTo: .seconds(120))
        let lease = try #require(answer.lease)
        #expect(try await engine.inspect("job")?.owner == owner)
        #expect(try await engine.release("job", owner: owner, token: lease.token))
        return lease.token
    }

    @Test func `noRenewAfterUnlock: after a release nothing brings the lease back`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    let name = try LeaseName("job-\(task)")
                    for round in 0..<250 {
                        let owner = OwnerID.unique()
                        let lease = try #require(
                            try await engine.tryAcquire(name, owner: owner, for: .seconds(600)).lease)
                        let renewals = (0..<2).map { _ in
                            Task { try await engine.renew(lease, for: .seconds(900)) }
                        }
                        for _ in 0..<(round % 5) { await Task.yield() }
                        #expect(try await engine.release(name, owner: owner, token: lease.token))
                        for renewal in renewals { _ = try await renewal.value }
                        #expect(try await engine.renew(lease, for: .seconds(900)) == nil)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await engine.heldCount() == 0)
        #expect(try server.psql("SELECT count(*) FROM colony.lease WHERE expires_at > '-infinity'") == "0")
        await engine.close()
    }

    @Test func `onlyOwnerReleases: a delayed release of a former holder frees nothing`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let owner = OwnerID.unique()
        let former = try #require(try await engine.tryAcquire("job", owner: owner, for: .milliseconds(20)).lease)
        var next: Lease?
        try await eventually("it runs out") {
            next = try await engine.tryAcquire("job", owner: .unique(), for: .seconds(600)).lease
            return next != nil
        }
        #expect(try await !engine.release("job", owner: owner, token: former.token))
        #expect(try await !engine.release("job", owner: owner, token: nil))
        #expect(try await engine.inspect("job")?.token == next?.token)
        await engine.close()
    }

    @Test func `expiryUsesLocalObservation: clocks of clients that are hours apart do not matter`() async throws {
        let server = try await PostgresProcess()
        let options = try server.options()
        let engine = PostgresLeaseEngine(options, clock: ShiftedClock(by: .seconds(18_000)))
        let other = PostgresLeaseEngine(options, clock: ShiftedClock(by: .seconds(-18_000)))
        let lease = try #require(try await engine.tryAcquire("job", owner: .unique(), for: .seconds(5)).lease)
        let real = HostClock().now
        #expect(try await other.tryAcquire("job", owner: .unique(), for: .seconds(5)).lease == nil)
        let next = try await other.acquire("job", owner: .unique(), for: .seconds(60), upTo: .seconds(60)).lease
        #expect(try #require(next).token > lease.token)
        #expect(real.duration(to: HostClock().now) >= .milliseconds(4_500))
        await engine.close()
        await other.close()
    }

    @Test func `reconnectStormOneLeader: broken connections at any moment leave one holder at a time`() async throws {
        let server = try await PostgresProcess()
        let options = try server.options { $0.connections = 2 }
        let history = History()
        let contenders = (0..<6).map { _ in
            Task {
                let engine = PostgresLeaseEngine(options)
                let clock = HostClock()
                while !history.isOver {
                    let owner = OwnerID.unique()
                    let answer = try? await engine.acquire(
                        "leader", owner: owner, for: .seconds(30), upTo: .seconds(20))
                    guard let lease = answer?.lease else {
                        _ = try? await engine.release("leader", owner: owner, token: nil)
                        continue
                    }
                    if let other = history.begin(lease) {
                        #expect(other.expiry <= clock.now, "\(other) while \(lease)")
                    }
                    await Task.yield()
                    history.end(lease)
                    while (try? await engine.release("leader", owner: owner, token: lease.token)) == nil {
                        await Task.yield()
                    }
                }
                await engine.close()
            }
        }
        for storm in 1...15 {
            try await eventually("leaders follow one another") { history.tokens.count >= storm * 10 }
            try server.psql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'colony'")
        }
        history.stop()
        for contender in contenders { await contender.value }
        let tokens = history.tokens
        #expect(Set(tokens).count == tokens.count)
        #expect(tokens == tokens.sorted())
    }
}

/// Who held a name, one after the other.
private final class History: Sendable {
    private struct State {
        var present: Lease?
        var tokens: [FencingToken] = []
        var isOver = false
    }

    private let state = Mutex(State())

    var isOver: Bool { self.state.withLock { $0.isOver } }
    var tokens: [FencingToken] { self.state.withLock { $0.tokens } }

    /// - Returns: Who has not ended yet.
    func begin(_ lease: Lease) -> Lease? {
        self.state.withLock { state in
            defer { state.present = lease }
            state.tokens.append(lease.token)
            return state.present
        }
    }

    func end(_ lease: Lease) {
        self.state.withLock { if $0.present?.token == lease.token { $0.present = nil } }
    }

    func stop() {
        self.state.withLock { $0.isOver = true }
    }
}

/// The clock of the host with another origin.
private struct ShiftedClock: MonotonicClock {
    private let shift: Duration

    init(by shift: Duration) { self.shift = shift }

    var now: MonotonicInstant { HostClock().now.advanced(by: self.shift) }
    var minimumResolution: Duration { .nanoseconds(1) }

    func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
        try await HostClock().sleep(until: deadline.advanced(by: .zero - self.shift), tolerance: tolerance)
    }
}
#endif
