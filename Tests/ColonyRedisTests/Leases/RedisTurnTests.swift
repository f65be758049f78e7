import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Testing

@Suite("Turns for leases on Redis", .enabled(if: RedisProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct RedisTurnTests {
    @Test func `with 500 waiters in as many clients, a release sends one message`() async throws {
        let server = try await RedisProcess(["--maxclients", "4000"])
        let holder = try server.leases()
        let lease = try #require(try await holder.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let engines = try (0..<500).map { _ in try server.leases() }
        let tasks = engines.enumerated().map { number, engine in
            Task {
                try await engine.acquire(
                    "job", owner: try OwnerID("waiter-\(number)"), for: .seconds(600), upTo: .seconds(600))
            }
        }
        try await Polling.eventually("all wait and listen") {
            let channels = try server.connect().ask("PUBSUB", "CHANNELS", "*").elements?.count
            let waiters = try await holder.inspect("job")?.waiters.count
            return channels == 500 && waiters == 500
        }
        #expect(try server.connect().ask("CONFIG", "RESETSTAT").text == "OK")
        var last = lease
        for turn in 1...10 {
            let waiting = try #require(try await holder.inspect("job")?.waiters.first)
            #expect(try await holder.release("job", owner: last.owner, token: last.token))
            try await Polling.eventually("the first waiter has its turn") {
                try await holder.inspect("job")?.owner == waiting.owner
            }
            let record = try #require(try await holder.inspect("job"))
            #expect(record.token > last.token)
            #expect(record.waiters.count == 500 - turn)
            last = Lease(
                name: "job", owner: record.owner, token: record.token, duration: .seconds(600), expiry: last.expiry)
            #expect(try server.calls(of: "publish") == turn)
        }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.result }
        for engine in engines { await engine.close() }
        await holder.close()
    }

    @Test func `deadWaiterBounded`() async throws {
        let server = try await RedisProcess()
        let (holder, other) = (try server.leases(), try server.leases())
        let lease = try #require(try await holder.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        // Those who die have no chance to leave the queue: their connections are closed first.
        var dead: [Task<Void, Never>] = []
        for number in 1...5 {
            let engine = try server.leases()
            let owner = try OwnerID("dead-\(number)")
            dead.append(
                Task { _ = try? await engine.acquire("job", owner: owner, for: .seconds(600), upTo: .seconds(600)) })
            try await Polling.eventually("it waits") { try await holder.inspect("job")?.waiters.count == number }
            await engine.close()
        }
        for task in dead { await task.value }
        let clock = HostClock()
        let died = clock.now
        let living = Task { try await other.acquire("job", owner: "living", for: .seconds(600), upTo: .seconds(600)) }
        try await Polling.eventually("it waits") {
            try await holder.inspect("job")?.waiters.map(\.owner).contains("living") == true
        }
        #expect(try await holder.release("job", owner: "holder", token: lease.token))
        let next = try #require(try await living.value.lease)
        let waited = died.duration(to: clock.now)
        #expect(next.token > lease.token)
        // Five dead waiters cost one bound together; the rest is for a busy machine.
        #expect(waited < other.deadWaiterBound + .seconds(8), "\(waited)")
        await holder.close()
        await other.close()
    }

    @Test func `waiterChecksOwnLease`() async throws {
        let server = try await RedisProcess()
        let (holder, waiter) = (try server.leases(), try server.leases())
        let lease = try #require(try await holder.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let waiting = Task {
            try await waiter.acquire("job", owner: "waiter", for: .milliseconds(200), upTo: .seconds(600))
        }
        try await Polling.eventually("it waits") { try await holder.inspect("job")?.waiters.count == 1 }
        // The place of the waiter goes while it waits, as if it had been taken for dead; another takes the lock.
        #expect(try await !holder.release("job", owner: "waiter", token: nil))
        #expect(try await holder.release("job", owner: "holder", token: lease.token))
        let thief = try await holder.tryAcquire("job", owner: "thief", for: .seconds(600))
        if let stolen = thief.lease {
            try await Polling.eventually("it waits again") { try await holder.inspect("job")?.waiters.count == 1 }
            #expect(!Task.isCancelled)
            let record = try #require(try await holder.inspect("job"))
            #expect(record.owner == "thief" && record.token == stolen.token)
            #expect(try await holder.release("job", owner: "thief", token: stolen.token))
        }
        let granted = try #require(try await waiting.value.lease)
        // What was granted counts from the grant, not from when it began to wait.
        #expect(granted.token > lease.token)
        if let stolen = thief.lease { #expect(granted.token > stolen.token) }
        await holder.close()
        await waiter.close()
    }

    @Test func `connections that are cut under waiters cost neither their places nor their wake-up`() async throws {
        let server = try await RedisProcess()
        let holder = try server.leases()
        let lease = try #require(try await holder.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let engines = try (0..<5).map { _ in try server.leases() }
        var tasks: [Task<FencingToken?, any Error>] = []
        for (number, engine) in engines.enumerated() {
            tasks.append(
                Task {
                    let owner = try OwnerID("waiter-\(number)")
                    let answer = try await engine.acquire("job", owner: owner, for: .seconds(600), upTo: .seconds(600))
                    guard let lease = answer.lease else { return nil }
                    try await engine.release("job", owner: owner, token: lease.token)
                    return lease.token
                })
            try await Polling.eventually("it waits") { try await holder.inspect("job")?.waiters.count == number + 1 }
        }
        for _ in 1...5 {
            for kind in ["normal", "pubsub"] { try server.connect().ask("CLIENT", "KILL", "TYPE", kind) }
            try await Polling.eventually("all listen again") {
                try server.connect().ask("PUBSUB", "CHANNELS", "*").elements?.count == 5
            }
        }
        try await Polling.eventually("nobody has lost its place") {
            await leaseError { try await holder.inspect("job") } == nil
        }
        let waiters = try #require(try await holder.inspect("job")?.waiters.map(\.owner.rawValue))
        #expect(waiters == (0..<5).map { "waiter-\($0)" })
        #expect(try await holder.release("job", owner: "holder", token: lease.token))
        var last = lease.token
        for task in tasks {
            let token = try #require(try await task.value)
            #expect(token > last)
            last = token
        }
        for engine in engines + [holder] { await engine.close() }
    }

    @Test func `a server that is killed and comes back empty grants to those who waited, in some order`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases { $0.timeout = .seconds(1) }
        let lease = try #require(try await engine.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
        let tasks = (0..<3).map { number in
            Task {
                let owner = try OwnerID("waiter-\(number)")
                // As a lock does it: who cannot reach the engine asks again.
                while true {
                    do throws(LeaseError) {
                        let answer = try await engine.acquire(
                            "job", owner: owner, for: .seconds(600), upTo: .seconds(600))
                        guard let lease = answer.lease else { return FencingToken(rawValue: 0) }
                        try await engine.release("job", owner: owner, token: lease.token)
                        return lease.token
                    } catch {
                        guard error.code == .unavailable else { throw error }
                        await Task.yield()
                    }
                }
            }
        }
        try await Polling.eventually("all wait") { try await engine.inspect("job")?.waiters.count == 3 }
        server.kill()
        #expect(await leaseError { try await engine.renew(lease, for: .seconds(1)) }?.code == .unavailable)
        try await server.start()
        var tokens: Set<FencingToken> = []
        for task in tasks { tokens.insert(try await task.value) }
        #expect(tokens.count == 3)
        #expect(tokens.allSatisfy { $0 > lease.token })
        // The former holder lost its lease with the server.
        #expect(try await engine.renew(lease, for: .seconds(1)) == nil)
        await engine.close()
    }

    @Test func `a release by somebody who cannot publish is found by looking`() async throws {
        let server = try await RedisProcess()
        let socket = try server.connect()
        #expect(
            try socket.ask("ACL", "SETUSER", "quiet", "on", ">secret", "~*", "resetchannels", "+@all").text == "OK")
        let loud = try server.leases()
        let quiet = try server.leases {
            $0.user = "quiet"
            $0.password = "secret"
        }
        for (holder, waiter) in [(quiet, loud), (loud, quiet)] {
            let lease = try #require(try await holder.tryAcquire("job", owner: "holder", for: .seconds(600)).lease)
            let waiting = Task {
                try await waiter.acquire("job", owner: "next", for: .seconds(600), upTo: .seconds(60))
            }
            try await Polling.eventually("it waits") { try await holder.inspect("job")?.waiters.count == 1 }
            #expect(try await holder.release("job", owner: "holder", token: lease.token))
            let next = try #require(try await waiting.value.lease)
            #expect(try await waiter.release("job", owner: "next", token: next.token))
        }
        await loud.close()
        await quiet.close()
    }
}
