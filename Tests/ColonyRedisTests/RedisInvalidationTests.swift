import ColonyCaches
import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Synchronization
import Testing

/// One who listens and keeps what is said.
final class Listener: Sendable {
    private let heard = Mutex<[CacheInvalidation]>([])
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(_ tier: RedisCacheTier) throws {
        let changes = try #require(tier.invalidations())
        let task = Task {
            for await change in changes { self.heard.withLock { $0.append(change) } }
        }
        self.task.withLock { $0 = task }
    }

    var all: [CacheInvalidation] { self.heard.withLock { $0 } }
    var gaps: Int { self.all.filter { $0 == .gap }.count }

    func hears(_ what: String, since position: Int = 0, _ condition: (CacheInvalidation) -> Bool) async throws {
        do {
            try await Polling.eventually(what) { self.all.dropFirst(position).contains(where: condition) }
        } catch {
            Issue.record("heard \(self.all), looked from \(position)")
            throw error
        }
    }

    func hears(_ key: CacheKey, since position: Int) async throws {
        try await self.hears("\(key) is told", since: position) { change in
            if case .keys(let keys) = change { keys.contains(key) } else { false }
        }
    }

    func stop() { self.task.withLock { $0 }?.cancel() }
}

@Suite("Changes that a Redis tells of", .enabled(if: RedisProcess.isAvailable))
struct RedisInvalidationTests {
    @Test(
        "changes by others are told, beginning with a gap",
        arguments: [RedisCacheTierOptions.Tracking.broadcast, .keysRead])
    func changes(tracking: RedisCacheTierOptions.Tracking) async throws {
        let server = try await RedisProcess()
        let tier = try server.tier {
            $0.tracking = tracking
            $0.keyPrefix = "p:"
            $0.connections = tracking == .keysRead ? 2 : 1
        }
        let listener = try Listener(tier)
        try await listener.hears("a gap") { $0 == .gap }
        #expect(listener.all.first == .gap)
        let socket = try server.connect()
        for (number, words) in [
            ["SET", "p:a", "1"], ["SET", "p:a", "2"], ["DEL", "p:a"], ["MSET", "p:a", "3", "other", "x"],
        ].enumerated() {
            if tracking == .keysRead {
                // Each connection must have read it.
                for _ in 0..<2 { _ = try await tier.get(["a"]) }
            }
            let position = listener.all.count
            _ = try socket.ask(words)
            try await listener.hears("a", since: position)
            #expect(number >= 0)
        }
        let foreign = listener.all.contains { change in
            if case .keys(let keys) = change { keys.contains { $0 != "a" } } else { false }
        }
        #expect(!foreign)
        let position = listener.all.count
        _ = try socket.ask("FLUSHALL")
        try await listener.hears("a flush", since: position) { $0 == .all }
        listener.stop()
        await tier.close()
    }

    @Test("an entry that ends by itself is told")
    func expiry() async throws {
        let server = try await RedisProcess(["--hz", "100"])
        let tier = try server.tier()
        let listener = try Listener(tier)
        try await listener.hears("a gap") { $0 == .gap }
        _ = try server.connect().ask("SET", "a", "1", "PX", "20")
        try await listener.hears("a", since: 0)
        let position = listener.all.count
        _ = try server.connect().ask("SET", "a", "1", "PX", "20")
        try await Polling.eventually("both the write and the end are told") {
            let told = listener.all.dropFirst(position).filter { $0 == .keys(["a"]) }
            return told.count >= 2
        }
        await tier.close()
    }

    @Test("a gap is told after every reconnection, with no call to cause it")
    func gapAfterReconnection() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier()
        let (first, second) = (try Listener(tier), try Listener(tier))
        for listener in [first, second] { try await listener.hears("a gap") { $0 == .gap } }
        var gaps = first.gaps
        server.kill()
        try await server.start()
        try await Polling.eventually("a gap after the restart") { first.gaps > gaps && second.gaps > 1 }
        gaps = first.gaps
        _ = try server.connect().ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        try await Polling.eventually("a gap after the reset") { first.gaps > gaps }
        let position = first.all.count
        _ = try server.connect().ask("SET", "a", "1")
        try await first.hears("a", since: position)
        let late = try Listener(tier)
        try await late.hears("a gap for who comes late") { $0 == .gap }
        await tier.close()
    }

    @Test("a listener that falls behind gets a gap in place of what it missed")
    func fallsBehind() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier()
        let changes = try #require(tier.invalidations())
        var reader = changes.makeAsyncIterator()
        #expect(await reader.next() == .gap)
        let other = try server.tier()
        for round in 0..<20 {
            try await other.set((0..<500).map { CacheWrite(try! CacheKey("k\(round)-\($0)"), text: "1") })
        }
        let listener = try Listener(tier)
        try await other.set([CacheWrite("last", text: "1")])
        try await Polling.eventually("all was told") {
            listener.all.contains { $0 == .keys(["last"]) } || listener.gaps > 1
        }
        #expect(await reader.next() != nil)
        await tier.close()
        await other.close()
    }

    @Test("without tracking nobody is told")
    func off() throws {
        let tier = try RedisCacheTier(url: "redis://127.0.0.1:1?tracking=off")
        #expect(tier.invalidations() == nil)
    }

    @Test("a dead peer is noticed by who only listens")
    func deadPeer() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier {
            $0.keepAlive = .milliseconds(50)
            $0.timeout = .milliseconds(500)
        }
        let listener = try Listener(tier)
        try await listener.hears("a gap") { $0 == .gap }
        try await server.suspend()
        // Nothing tells that the connection was given up but the gap of the next one.
        try await Polling.eventually("the connection is given up") {
            await code { try await tier.get(["a"]) } == .unavailable
        }
        let before = listener.gaps
        server.resume()
        try await Polling.eventually("it listens again") { listener.gaps > before }
        await tier.close()
    }
}
