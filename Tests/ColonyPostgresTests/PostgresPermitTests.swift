#if Postgres
import ColonyCoordination
import ColonyCore
import ColonyPostgres
import Synchronization
import Testing

@Suite(
    "Permits on PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct PostgresPermitTests {
    private static func request(
        _ permits: Int, of name: LeaseName = "pool", limit: Int = 3, owner: OwnerID,
        for duration: Duration = .seconds(600), claim: Duration? = nil
    ) -> PermitRequest {
        PermitRequest(permits, of: name, limit: limit, owner: owner, for: duration, claim: claim)
    }

    @Test func `permits are granted up to the limit, renewed, and come back`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let owners = (0..<4).map { _ in OwnerID.unique() }
        let first = try #require(try await engine.takePermits(Self.request(1, owner: owners[0])).lease)
        let second = try #require(try await other.takePermits(Self.request(2, owner: owners[1])).lease)
        #expect(second.token > first.token)
        guard case .refused(let refusal) = try await engine.takePermits(Self.request(1, owner: owners[2])) else {
            Issue.record("a fourth permit of three was granted")
            return
        }
        #expect(refusal.available == 0)
        #expect(refusal.holder.owner == owners[0] || refusal.holder.owner == owners[1])
        #expect(refusal.holder.remaining > .seconds(500))
        let again = try await other.takePermits(Self.request(2, owner: owners[1])).lease
        #expect(again?.token == second.token)
        let wrong = try await leaseError { try await other.takePermits(Self.request(1, owner: owners[1])) }
        #expect(wrong?.code == .invalidRequest)
        #expect(try await other.renewPermits(first, for: .seconds(900))?.token == first.token)
        let record = try await other.inspectPermits("pool")
        #expect(record.holders.map(\.owner) == [owners[0], owners[1]])
        #expect(record.holders.map(\.permits) == [1, 2])
        #expect(record.holders[0].remaining > .seconds(800))
        #expect(try await engine.returnPermits("pool", owner: owners[1], token: first.token) == false)
        #expect(try await engine.returnPermits("pool", owner: owners[1], token: second.token))
        #expect(try await engine.returnPermits("pool", owner: owners[1], token: second.token) == false)
        #expect(try await other.renewPermits(second, for: .seconds(900)) == nil)
        #expect(try await engine.takePermits(Self.request(2, owner: owners[3])).lease != nil)
        await engine.close()
        await other.close()
    }

    @Test func `permits of a dead holder come back when its lease has run out`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let dead = OwnerID.unique()
        let request = Self.request(3, owner: .unique())
        _ = try #require(
            try await engine.takePermits(Self.request(3, owner: dead, for: .seconds(4))).lease)
        #expect(try await engine.takePermits(request).lease == nil)
        #expect(try await engine.waitForPermits(request, upTo: .seconds(40)))
        #expect(try await engine.takePermits(request).lease != nil)
        #expect(try await engine.inspectPermits("pool").holders.count == 1)
        await engine.close()
    }

    @Test func `a claim keeps later requests out, however few permits they want`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let owners = (0..<4).map { _ in OwnerID.unique() }
        let held = try #require(try await engine.takePermits(Self.request(1, owner: owners[0])).lease)
        let writer = Self.request(3, owner: owners[1], claim: .seconds(600))
        #expect(try await other.takePermits(writer).lease == nil)
        guard case .refused(let refusal) = try await engine.takePermits(Self.request(1, owner: owners[2])) else {
            Issue.record("a later request overtook a claim")
            return
        }
        #expect(refusal.available == 2)
        #expect(refusal.holder.owner == owners[1])
        #expect(refusal.holder.token == FencingToken(rawValue: 0))
        #expect(try await engine.inspectPermits("pool").claims.map(\.owner) == [owners[1]])
        let wait = Task { try await other.waitForPermits(writer, upTo: .seconds(120)) }
        try await eventually("it waits") { try server.psql("SELECT count(*) FROM colony.permit_watch") == "1" }
        #expect(try await engine.returnPermits("pool", owner: owners[0], token: held.token))
        #expect(try await wait.value)
        let granted = try #require(try await other.takePermits(writer).lease)
        #expect(granted.token > held.token)
        #expect(try await engine.inspectPermits("pool").claims.isEmpty)
        await engine.close()
        await other.close()
    }

    @Test func `a claim that is not repeated is forgotten, and one that is returned lets others in`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let owners = (0..<4).map { _ in OwnerID.unique() }
        _ = try #require(try await engine.takePermits(Self.request(1, owner: owners[0])).lease)
        #expect(
            try await engine.takePermits(Self.request(3, owner: owners[1], claim: .milliseconds(300))).lease == nil)
        #expect(try await engine.waitForPermits(Self.request(1, owner: owners[2]), upTo: .seconds(40)))
        #expect(try await engine.takePermits(Self.request(1, owner: owners[2])).lease != nil)
        #expect(
            try await engine.takePermits(Self.request(3, owner: owners[1], claim: .seconds(600))).lease == nil)
        #expect(try await engine.takePermits(Self.request(1, owner: owners[3])).lease == nil)
        #expect(try await engine.returnPermits("pool", owner: owners[1], token: nil) == false)
        #expect(try await engine.takePermits(Self.request(1, owner: owners[3])).lease != nil)
        await engine.close()
    }

    @Test func `never more holders than permits, with many clients at once: deadWaiterBounded`() async throws {
        let server = try await PostgresProcess()
        let options = try server.options { $0.connections = 2 }
        let held = Occupancy()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<12 {
                group.addTask {
                    let engine = PostgresLeaseEngine(options)
                    for _ in 0..<10 {
                        let owner = OwnerID.unique()
                        let request = Self.request(1, owner: owner, claim: .seconds(60))
                        while try await engine.takePermits(request).lease == nil {
                            _ = try await engine.waitForPermits(request, upTo: .seconds(60))
                        }
                        held.enter()
                        await Task.yield()
                        held.leave()
                        #expect(try await engine.returnPermits("pool", owner: owner, token: nil))
                    }
                    await engine.close()
                }
            }
            try await group.waitForAll()
        }
        #expect(held.now == 0 && held.most <= 3 && held.entries == 120, "\(held.most) held at once")
    }

    @Test func `a cancelled wait for permits throws cancelled and leaves nothing behind`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        _ = try #require(try await engine.takePermits(Self.request(3, owner: .unique())).lease)
        let wait = Task {
            try await leaseError {
                while true {
                    try await engine.waitForPermits(Self.request(1, owner: .unique()), upTo: .seconds(600))
                }
            }
        }
        try await eventually("it waits") { try server.psql("SELECT count(*) FROM colony.permit_watch") != "0" }
        wait.cancel()
        #expect(try await wait.value?.code == .cancelled)
        try await eventually("the watch is gone") { try server.psql("SELECT count(*) FROM colony.permit_watch") == "0" }
        await engine.close()
    }
}

/// How many are inside, and how many were at the most.
private final class Occupancy: Sendable {
    private let state = Mutex((now: 0, most: 0, entries: 0))

    var now: Int { self.state.withLock { $0.now } }
    var most: Int { self.state.withLock { $0.most } }
    var entries: Int { self.state.withLock { $0.entries } }

    func enter() {
        self.state.withLock { state in
            state.now += 1
            state.most = max(state.most, state.now)
            state.entries += 1
        }
    }

    func leave() {
        self.state.withLock { $0.now -= 1 }
    }
}
#endif
