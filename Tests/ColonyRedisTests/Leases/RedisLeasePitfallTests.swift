import ColonyCoordination
import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Synchronization
import Testing

/// Coordination pitfalls that a store decides, on a real server. Others are in the suites beside this one, under their names.
@Suite("Pitfalls of coordination on Redis", .enabled(if: RedisProcess.isAvailable), .timeLimit(.minutes(5)))
struct RedisLeasePitfallTests {
    @Test func `noRenewAfterUnlock`() async throws {
        let server = try await RedisProcess()
        // Over several connections, so that a renewal may overtake a release.
        let engine = try server.leases { $0.connections = 4 }
        let socket = try server.connect()
        for round in 0..<500 {
            let lease = try #require(try await engine.tryAcquire("job", owner: "me", for: .seconds(60)).lease)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask { _ = try await engine.renew(lease, for: .seconds(60 + Int64(number))) }
                    if number == round % 8 {
                        group.addTask { try await engine.release("job", owner: "me", token: lease.token) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try socket.ask("EXISTS", "job").integer == 0, "round \(round)")
            #expect(try await engine.renew(lease, for: .seconds(60)) == nil)
        }
        await engine.close()
    }

    @Test func `expiryUsesLocalObservation`() async throws {
        let server = try await RedisProcess()
        // Clients whose clocks are years apart share a lock: only durations travel, and the server counts them.
        let early = try server.leases { $0.clock = ShiftedClock(by: .seconds(-1_000_000)) }
        let late = try server.leases { $0.clock = ShiftedClock(by: .seconds(300_000_000)) }
        let lease = try #require(try await early.tryAcquire("job", owner: "early", for: .seconds(600)).lease)
        guard case .held(let holder) = try await late.tryAcquire("job", owner: "late", for: .milliseconds(10)) else {
            Issue.record("a clock that is ahead ended a lease")
            return
        }
        #expect(holder.token == lease.token && holder.remaining > .seconds(500))
        #expect(try await late.inspect("job")?.duration == .seconds(600))
        #expect(try await early.release("job", owner: "early", token: lease.token))
        let next = try #require(try await late.tryAcquire("job", owner: "late", for: .seconds(600)).lease)
        // The end is on the clock of who holds it.
        let left = ShiftedClock(by: .seconds(300_000_000)).now.duration(to: next.expiry)
        #expect(left > .seconds(500) && left <= .seconds(600))
        await early.close()
        await late.close()
    }

    @Test func `a semaphore never exceeds its limit and never leaks a permit when holders die`() async throws {
        let server = try await RedisProcess()
        let engines = try (0..<3).map { _ in try server.leases() }
        let seats = Seats()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<12 {
                let engine = engines[number % 3]
                group.addTask {
                    for round in 0..<10 {
                        let owner = try OwnerID("owner-\(number)-\(round)")
                        // One in five dies with its permit, which comes back when its lease runs out.
                        let dies = (number + round).isMultiple(of: 5)
                        let request = PermitRequest(
                            1, of: "seats", limit: 3, owner: owner, for: dies ? .milliseconds(50) : .seconds(600),
                            claim: .seconds(30))
                        while true {
                            if let lease = try await engine.takePermits(request).lease {
                                if dies { break }
                                seats.enter()
                                await Task.yield()
                                seats.leave()
                                #expect(try await engine.returnPermits("seats", owner: owner, token: lease.token))
                                break
                            }
                            try await engine.waitForPermits(request, upTo: .seconds(60))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(seats.most <= 3)
        try await Polling.eventually("all permits are back") {
            let record = try await engines[0].inspectPermits("seats")
            return record.held == 0 && record.claims.isEmpty
        }
        let all = PermitRequest(3, of: "seats", limit: 3, owner: "all", for: .seconds(60))
        #expect(try await engines[0].takePermits(all).lease != nil)
        for engine in engines { await engine.close() }
    }
}

/// How many sit at once.
private final class Seats: Sendable {
    private let taken = Mutex((now: 0, most: 0))

    var most: Int { self.taken.withLock { $0.most } }

    func enter() {
        self.taken.withLock { taken in
            taken.now += 1
            taken.most = max(taken.most, taken.now)
        }
    }

    func leave() { self.taken.withLock { $0.now -= 1 } }
}
