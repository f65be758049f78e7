import ColonyCaches
import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Testing

@Suite("A cache tier on a Redis Cluster", .enabled(if: RedisProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct RedisClusterTests {
    private static let keys = (0..<300).map { CacheKey(stringLiteral: "key-\($0)") }

    private func fill(_ tier: RedisCacheTier) async throws {
        try await tier.set(Self.keys.map { CacheWrite($0, text: $0.rawValue) })
    }

    private func expectAll(_ tier: RedisCacheTier) async throws {
        let entries = try await tier.get(Self.keys)
        #expect(entries.map(text) == Self.keys.map(\.rawValue))
    }

    @Test("a call with many keys goes to each server that has some of them")
    func slots() async throws {
        let cluster = try await RedisClusterProcess()
        let tier = try cluster.tier()
        try await self.fill(tier)
        try await self.expectAll(tier)
        for node in cluster.nodes {
            let count = try #require(try node.connect().ask("DBSIZE").integer)
            // A third each, as far as chance has it.
            #expect(count > 60)
        }
        #expect(try await tier.delete(Self.keys) == Self.keys.count)
        #expect(try await tier.get(Self.keys).allSatisfy { $0 == nil })
        await tier.close()
    }

    @Test("a slot that has moved is followed, and so is one that is just moving, while others read and write")
    func redirections() async throws {
        let cluster = try await RedisClusterProcess()
        let tier = try cluster.tier()
        try await self.fill(tier)
        // {colony} and {colony}2 share a slot.
        try await tier.set([CacheWrite("{colony}1", text: "1"), CacheWrite("{colony}2", text: "2")])
        let slot = Int(try #require(try cluster.nodes[0].connect().ask("CLUSTER", "KEYSLOT", "{colony}1").integer))
        let source = try cluster.owner(of: slot)
        let target = (source + 1) % 3
        let (sourceID, targetID) = (try cluster.identifier(of: source), try cluster.identifier(of: target))
        let (from, to) = (try cluster.nodes[source].connect(), try cluster.nodes[target].connect())
        #expect(try to.ask("CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", sourceID).errorText == nil)
        #expect(try from.ask("CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", targetID).errorText == nil)
        // One key is over there already: the old owner says ASK. The other one is answered by the old owner.
        #expect(
            try from.ask("MIGRATE", "127.0.0.1", "\(cluster.nodes[target].port)", "{colony}1", "0", "5000").errorText
                == nil)
        #expect(try await tier.get(["{colony}1", "{colony}2"]).map(text) == ["1", "2"])
        // What is new is made by the new owner.
        try await tier.set([CacheWrite("{colony}3", text: "3"), CacheWrite("{colony}1", text: "1b")])
        #expect(try await tier.get(["{colony}3", "{colony}1"]).map(text) == ["3", "1b"])
        #expect(try to.ask("ASKING").errorText == nil)
        #expect(try to.ask("GET", "{colony}3").text == "3")

        #expect(
            try from.ask("MIGRATE", "127.0.0.1", "\(cluster.nodes[target].port)", "{colony}2", "0", "5000").errorText
                == nil)
        for node in cluster.nodes {
            #expect(try node.connect().ask("CLUSTER", "SETSLOT", "\(slot)", "NODE", targetID).errorText == nil)
        }
        // The tier still believes in the old owner, which says MOVED.
        #expect(try await tier.get(["{colony}1", "{colony}2", "{colony}3"]).map(text) == ["1b", "2", "3"])
        let version = try #require(try await tier.get(["{colony}2"])[0]?.version)
        guard case .stored = try await tier.compareAndSet(CacheWrite("{colony}2", text: "2b"), expecting: version)
        else {
            Issue.record("the version did not match")
            return
        }
        try await self.expectAll(tier)
        await tier.close()
    }

    @Test("while one server is down only its keys fail, and they are back with it")
    func nodeDown() async throws {
        let cluster = try await RedisClusterProcess()
        for node in cluster.nodes {
            // A cluster that misses slots answers for the others.
            #expect(try node.connect().ask("CONFIG", "SET", "cluster-require-full-coverage", "no").errorText == nil)
        }
        let tier = try cluster.tier { $0.timeout = .seconds(2) }
        try await self.fill(tier)
        let slot = Int(try #require(try cluster.nodes[0].connect().ask("CLUSTER", "KEYSLOT", "key-1").integer))
        let owner = try cluster.owner(of: slot)
        cluster.nodes[owner].kill()
        #expect(await code { try await tier.get(["key-1"]) } == .unavailable)
        // Keys of others are answered.
        for key in Self.keys {
            let slot = Int(
                try #require(
                    try cluster.nodes[(owner + 1) % 3].connect().ask("CLUSTER", "KEYSLOT", key.rawValue).integer))
            if try self.isOwner(of: slot, (owner + 1) % 3, cluster) {
                #expect(text(try await tier.get([key])[0]) == key.rawValue)
                break
            }
        }
        try await cluster.nodes[owner].start()
        try await Polling.eventually("the server has its slots again") {
            await code { try await tier.set([CacheWrite("key-1", text: "again")]) } == nil
        }
        #expect(text(try await tier.get(["key-1"])[0]) == "again")
        await tier.close()
    }

    private func isOwner(of slot: Int, _ node: Int, _ cluster: RedisClusterProcess) throws -> Bool {
        let ranges = try #require(try cluster.nodes[node].connect().ask("CLUSTER", "SLOTS").elements)
        return ranges.contains { range in
            guard let parts = range.elements, let first = parts[0].integer, let last = parts[1].integer else {
                return false
            }
            return (first...last).contains(Int64(slot))
                && parts[2].elements?[1].integer == Int64(cluster.nodes[node].port)
        }
    }
}
