import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Testing

@Suite("Keys of Redis guarded by fencing tokens", .enabled(if: RedisProcess.isAvailable), .timeLimit(.minutes(5)))
struct RedisFenceTests {
    private func fence(_ server: RedisProcess, isCluster: Bool = false) throws -> RedisFence {
        var options = RedisOptions(servers: [server.address])
        options.timeout = .seconds(20)
        options.isCluster = isCluster
        return try RedisFence(options)
    }

    @Test func `pausedHolderCannotWrite`() async throws {
        let server = try await RedisProcess()
        let (engine, fence) = (try server.leases(), try self.fence(server))
        // The first holder is stopped for longer than its lease, right before its write.
        let first = try #require(try await engine.tryAcquire("orders/42", owner: "a", for: .milliseconds(20)).lease)
        try await Polling.eventually("its lease has run out") { try await engine.inspect("orders/42") == nil }
        let second = try #require(try await engine.tryAcquire("orders/42", owner: "b", for: .seconds(60)).lease)
        try await fence.set(Array("new".utf8), for: "row", token: second.token)
        let error = await #expect(throws: RedisFencedResource.StaleToken.self) {
            try await fence.set(Array("old".utf8), for: "row", token: first.token)
        }
        #expect(error?.greatest == second.token && error?.token == first.token && error?.resource == "row")
        await #expect(throws: RedisFencedResource.StaleToken.self) {
            try await fence.delete("row", token: first.token)
        }
        #expect(try server.connect().ask("GET", "row").text == "new")
        // The holder writes as often as it likes.
        try await fence.set(Array("newer".utf8), for: "row", token: second.token)
        #expect(try await fence.delete("row", token: second.token))
        #expect(try await fence.greatestToken(of: "row") == second.token)
        await engine.close()
        await fence.close()
    }

    @Test func `tokens are compared by value, up to the greatest of 64 bits`() async throws {
        let server = try await RedisProcess()
        let fence = try self.fence(server)
        let rising: [UInt64] = [0, 1, 9, 10, 99, 1 << 53, 1 << 53 + 1, 1 << 53 + 2, .max - 1, .max]
        #expect(try await fence.greatestToken(of: "row") == nil)
        for (index, number) in rising.enumerated() {
            try await fence.admit(FencingToken(rawValue: number), for: "row")
            #expect(try await fence.greatestToken(of: "row")?.rawValue == number)
            for earlier in rising[..<index] {
                await #expect(throws: RedisFencedResource.StaleToken.self) {
                    try await fence.admit(FencingToken(rawValue: earlier), for: "row")
                }
            }
        }
        await fence.close()
    }

    @Test func `racing writers leave the value of the greatest token`() async throws {
        let server = try await RedisProcess()
        let fence = try self.fence(server)
        for round in 0..<20 {
            let resource = try RedisFencedResource("row-\(round)")
            await withTaskGroup(of: Void.self) { group in
                for token in UInt64(1)...32 {
                    group.addTask {
                        // The late ones are refused, or come early enough.
                        try? await fence.set(
                            Array(String(token).utf8), for: resource, token: FencingToken(rawValue: token))
                    }
                }
            }
            #expect(try server.connect().ask("GET", resource.key).text == "32")
        }
        await fence.close()
    }

    @Test func `guard and key are in one slot of a cluster, and a time to live ends the value only`() async throws {
        let cluster = try await RedisClusterProcess()
        let fence = try self.fence(cluster.nodes[0], isCluster: true)
        for key in ["a", "{a}b", "a}b", "{}", "x{y}z"] {
            let resource = try RedisFencedResource(key)
            try await fence.set([1], for: resource, token: FencingToken(rawValue: 7), timeToLive: .milliseconds(10))
            try await Polling.eventually("the value is gone") {
                try await !fence.delete(resource, token: FencingToken(rawValue: 7))
            }
            await #expect(throws: RedisFencedResource.StaleToken.self) {
                try await fence.set([2], for: resource, token: FencingToken(rawValue: 6))
            }
        }
        await fence.close()
    }

    @Test func `the script serves clients that are not Colony's`() async throws {
        let server = try await RedisProcess()
        let socket = try server.connect()
        let resource: RedisFencedResource = "row"
        func run(_ token: String, _ command: String...) throws -> [RESPValue]? {
            try socket.ask(["EVAL", RedisFencedResource.script, "2", resource.tokenKey, "row", token] + command)
                .elements
        }
        #expect(try run("7", "HSET", "row", "field", "1") == [.integer(1), .integer(1)])
        #expect(try run("6", "HSET", "row", "field", "2") == [.integer(0), .bulk("7")])
        #expect(try run("7") == [.integer(1)])
        #expect(try socket.ask("HGET", "row", "field").text == "1")
    }
}
