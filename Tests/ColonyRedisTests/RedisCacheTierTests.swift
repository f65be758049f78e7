import ColonyCaches
import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Testing

@Suite("A cache tier on one Redis", .enabled(if: RedisProcess.isAvailable))
struct RedisCacheTierTests {
    @Test("entries are stored, found, and removed")
    func basics() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier()
        try await tier.set([CacheWrite("a", text: "1"), CacheWrite("b", [0, 13, 10, 255]), CacheWrite("c", [])])
        let found = try await tier.get(["a", "nothing", "b", "c", "a"])
        #expect(found.map { $0?.value } == [Array("1".utf8), nil, [0, 13, 10, 255], [], Array("1".utf8)])
        #expect(try await tier.delete(["a", "nothing"]) == 1)
        #expect(try await tier.get([]).isEmpty)
        try await tier.set([])
        #expect(try await tier.delete([]) == 0)
        await tier.close()
        #expect(await code { try await tier.get(["a"]) } == .closed)
        await tier.close()
    }

    @Test("the prefix keeps programs apart")
    func prefix() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier { $0.keyPrefix = "shop:" }
        try await tier.set([CacheWrite("é", text: "1")])
        #expect(try server.connect().ask("GET", "shop:é") == .bulk("1"))
        #expect(try server.connect().ask("DBSIZE") == .integer(1))
        await tier.close()
    }

    @Test("a time to live reaches the server in milliseconds, rounded up, and is read where asked for")
    func timeToLive() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier { $0.readsTimeToLive = true }
        try await tier.set([
            CacheWrite("a", text: "1", timeToLive: .seconds(100)), CacheWrite("b", text: "2"),
            CacheWrite("c", text: "3", timeToLive: .nanoseconds(1)),
        ])
        let found = try await tier.get(["a", "b"])
        let left = try #require(found[0]?.timeToLive)
        #expect(left > .seconds(60) && left <= .seconds(100))
        #expect(found[1]?.timeToLive == nil)
        try await Polling.eventually("the short one ends") { try await tier.get(["c"])[0] == nil }
        #expect(await code { try await tier.set([CacheWrite("d", [], timeToLive: .zero)]) } == .invalidRequest)
        await tier.close()
    }

    @Test("compare-and-set compares small and large values, and tells what is there instead")
    func comparison() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier()
        for size in [0, 1, 39, 40, 41, 100_000] {
            let value = [UInt8](repeating: 120, count: size)
            let other = [UInt8](repeating: 121, count: size + 1)
            let key = try CacheKey("size-\(size)")
            guard case .stored(let first) = try await tier.compareAndSet(CacheWrite(key, value), expecting: nil) else {
                Issue.record("not stored")
                return
            }
            #expect(try await tier.get([key])[0]?.version == first)
            #expect(
                try await tier.compareAndSet(CacheWrite(key, other), expecting: nil)
                    == .conflict(CachedBytes(value: value, version: first, timeToLive: nil)))
            guard case .stored(let second) = try await tier.compareAndSet(CacheWrite(key, other), expecting: first)
            else {
                Issue.record("not stored")
                return
            }
            #expect(try await tier.compareAndDelete(key, expecting: first) == false)
            #expect(try await tier.compareAndDelete(key, expecting: second))
            #expect(try await tier.compareAndDelete(key, expecting: second) == false)
            #expect(
                try await tier.compareAndSet(CacheWrite(key, other), expecting: first) == .conflict(nil))
        }
        // A restart forgets scripts.
        _ = try server.connect().ask("SCRIPT", "FLUSH")
        let entry = CacheWrite("t", text: "x", timeToLive: .seconds(50))
        guard case .stored = try await tier.compareAndSet(entry, expecting: nil) else {
            Issue.record("not stored")
            return
        }
        #expect(try #require(try server.connect().ask("PTTL", "t").integer) > 0)
        #expect(
            await code { try await tier.compareAndSet(entry, expecting: CacheVersion(bytes: [1, 2])) }
                == .invalidRequest)
        await tier.close()
    }

    @Test("a key of another type is told, by every operation that looks at it")
    func wrongType() async throws {
        let server = try await RedisProcess()
        _ = try server.connect().ask("LPUSH", "list", "x")
        let tier = try server.tier()
        #expect(await code { try await tier.get(["list"]) } == .wrongType)
        #expect(await code { try await tier.get(["list", "other"]) } == .wrongType)
        #expect(await code { try await tier.compareAndSet(CacheWrite("list", []), expecting: nil) } == .wrongType)
        #expect(
            await code { try await tier.compareAndDelete("list", expecting: CacheVersion(bytes: [61])) } == .wrongType)
        // The answers behind the refused one are still matched with their commands.
        try await tier.set([CacheWrite("a", text: "1")])
        #expect(text(try await tier.get(["a"])[0]) == "1")
        await tier.close()
    }

    @Test("a full server that gives nothing up refuses")
    func outOfMemory() async throws {
        let server = try await RedisProcess(["--maxmemory", "1", "--maxmemory-policy", "noeviction"])
        let tier = try server.tier()
        let entry = CacheWrite("a", text: "1")
        #expect(await code { try await tier.set([entry]) } == .refused)
        #expect(await code { try await tier.compareAndSet(entry, expecting: nil) } == .refused)
        #expect(try await tier.get(["a"])[0] == nil)
        await tier.close()
    }

    @Test("a value over a limit is refused: by the tier's own, and by the server's, after which the tier goes on")
    func valueTooLarge() async throws {
        let server = try await RedisProcess(["--proto-max-bulk-len", "1048576"])
        let strict = try server.tier { $0.valueBytes = 10 }
        let two = [CacheWrite("a", text: "1"), CacheWrite("b", [UInt8](repeating: 1, count: 11))]
        #expect(await code { try await strict.set(two) } == .valueTooLarge)
        #expect(try await strict.get(["a"])[0] == nil)
        let tier = try server.tier()
        let large = CacheWrite("b", [UInt8](repeating: 1, count: 1 << 21))
        // The server says why and closes the connection while the rest of the value is still coming, and then the system
        // may throw away what it said.
        let refusal = await code { try await tier.set([large]) }
        #expect(refusal == .valueTooLarge || refusal == .unavailable)
        try await Polling.eventually("the tier is connected again") {
            await code { try await tier.set([CacheWrite("c", text: "3")]) } == nil
        }
        #expect(text(try await tier.get(["c"])[0]) == "3")
        await strict.close()
        await tier.close()
    }

    @Test("too many keys, and too much at once, are refused before anything is sent")
    func limits() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier {
            $0.keysPerCall = 2
            $0.commandsInFlight = 4
        }
        #expect(await code { try await tier.get(["a", "b", "c"]) } == .invalidRequest)
        try await tier.set([CacheWrite("a", text: "1")])
        try await server.suspend()
        let waiting = (0..<2).map { _ in Task { await code { try await tier.get(["a", "b"]) } } }
        try await Polling.eventually("the fifth command is refused") {
            let refused = Task { await code { try await tier.get(["a"]) } }
            // It is refused at once, or it is one of those that wait.
            try await HostClock().sleep(for: .milliseconds(1))
            refused.cancel()
            return await refused.value == .overloaded
        }
        server.resume()
        for task in waiting { _ = await task.value }
        try await Polling.eventually("the tier goes on") { await code { try await tier.get(["a"]) } == nil }
        await tier.close()
    }

    @Test("databases are apart, and users and passwords are checked")
    func authentication() async throws {
        let server = try await RedisProcess(["--requirepass", "s3cret-word"])
        let url = "redis://:s3cret-word@127.0.0.1:\(server.port)/3"
        let tier = try RedisCacheTier(url: url)
        try await tier.set([CacheWrite("a", text: "1")])
        let socket = try server.connect()
        _ = try socket.ask("AUTH", "s3cret-word")
        #expect(try socket.ask("GET", "a").isNull)
        _ = try socket.ask("SELECT", "3")
        #expect(try socket.ask("GET", "a") == .bulk("1"))
        _ = try socket.ask("ACL", "SETUSER", "reader", "on", ">pass2", "~*", "+@all", "-set")
        let reader = try RedisCacheTier(url: "redis://reader:pass2@127.0.0.1:\(server.port)/3")
        #expect(text(try await reader.get(["a"])[0]) == "1")
        #expect(await code { try await reader.set([CacheWrite("a", text: "2")]) } == .refused)
        for wrong in ["redis://:other@", "redis://", "redis://reader:no@"] {
            let stranger = try RedisCacheTier(url: "\(wrong)127.0.0.1:\(server.port)")
            let error = await #expect(throws: CacheError.self) { try await stranger.get(["a"]) }
            #expect(error?.code == .refused)
            #expect(error?.description.contains("s3cret-word") == false)
            await stranger.close()
        }
        let beyond = try RedisCacheTier(url: "redis://:s3cret-word@127.0.0.1:\(server.port)/99")
        #expect(await code { try await beyond.get(["a"]) } == .refused)
        for tier in [tier, reader, beyond] { await tier.close() }
    }

    @Test("calls of many tasks get their own answers, on one connection and on three", arguments: [1, 3])
    func pipelining(connections: Int) async throws {
        let server = try await RedisProcess()
        let tier = try server.tier { $0.connections = connections }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for round in 0..<50 {
                        let key = try CacheKey("task-\(task)")
                        try await tier.set([CacheWrite(key, text: "\(task)-\(round)")])
                        let found = try await tier.get([key, "nothing", key])
                        #expect(found.map(text) == ["\(task)-\(round)", nil, "\(task)-\(round)"])
                    }
                }
            }
            try await group.waitForAll()
        }
        // Setting up took three, and the rest shared them.
        let clients = try server.connect().ask("CLIENT", "LIST").text ?? ""
        #expect(clients.split(separator: "\n").filter { $0.contains("name=colony") }.count == connections)
        await tier.close()
    }

    @Test("a cancelled call ends at once, and the answers behind it are still matched")
    func cancellation() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier()
        try await tier.set([CacheWrite("a", text: "1"), CacheWrite("b", text: "2")])
        try await server.suspend()
        let cancelled = Task { await code { try await tier.get(["a"]) } }
        let kept = Task { try await tier.get(["b"]) }
        cancelled.cancel()
        #expect(await cancelled.value == .cancelled)
        server.resume()
        #expect(text(try await kept.value[0]) == "2")
        #expect(text(try await tier.get(["a"])[0]) == "1")
        await tier.close()
    }
}
