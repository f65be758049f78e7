import ColonyCaches
import ColonyCore
import ColonyMemcached
import Synchronization
import Testing

@Suite("A tier on a real memcached", .enabled(if: MemcachedProcess.isAvailable), .timeLimit(.minutes(2)))
struct MemcachedCacheTierTests {
    @Test func `what is stored is found, in the order asked for`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        let keys = (0..<1_000).map { CacheKey(stringLiteral: "key-\($0)") }
        try await tier.set(keys.enumerated().map { CacheWrite($1, [UInt8]("value \($0)\r\n".utf8)) })
        let asked = keys.reversed() + ["missing"]
        let found = try await tier.get(Array(asked.dropFirst()))
        #expect(found.count == 1_000)
        for (index, entry) in found.dropLast().enumerated() {
            #expect(entry?.value == Array("value \(998 - index)\r\n".utf8))
            #expect(entry?.timeToLive == nil)
        }
        #expect(found.last == .some(nil))
        #expect(try await tier.delete([keys[0], keys[1], "missing", keys[0]]) == 2)
        #expect(try await tier.get([keys[0], keys[2]]).map { $0 == nil } == [true, false])
        #expect(try await tier.get([]) == [])
        try await tier.set([])
        #expect(try await tier.delete([]) == 0)
        #expect(tier.invalidations() == nil)
        await tier.close()
    }

    @Test(arguments: ["with space", "Übergröße", "日本", "日 本", "a+/=", "\u{A0}", "\u{3000}x"])
    func `every key is stored as its own bytes`(text: String) async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        let key = try CacheKey(text)
        try await tier.set([CacheWrite(key, [1, 2, 3])])
        #expect(try await tier.get([key])[0]?.value == [1, 2, 3])
        let encoded = String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self)
        let answer = try RawSocket(port: memcached.port).ask("mg \(encoded) b s\r\nmn\r\n")
        #expect(answer.contains("s3"))
        #expect(try await tier.delete([key]) == 1)
        await tier.close()
    }

    @Test func `values may be empty, hold any bytes, and be as large as the limit`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        let all = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let largest = [UInt8](repeating: 0x0D, count: tier.limits.valueBytes)
        try await tier.set([CacheWrite("empty", []), CacheWrite("all", all), CacheWrite("largest", largest)])
        #expect(try await tier.get(["empty", "all", "largest"]).map { $0?.value } == [[], all, largest])
        await tier.close()
    }

    @Test func `a value over the limit stores nothing of the call`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        try await tier.set([CacheWrite("b", [7])])
        let large = CacheWrite("b", [UInt8](repeating: 0, count: tier.limits.valueBytes + 1))
        let entries = [CacheWrite("a", [1]), large]
        #expect(await code { () throws(CacheError) in try await tier.set(entries) } == .valueTooLarge)
        #expect(try await tier.get(["a", "b"]).map { $0?.value } == [nil, [7]])
        await tier.close()
    }

    @Test func `a value over the server's own limit is refused, and the connection goes on`() async throws {
        let memcached = try await MemcachedProcess(["-I", "512k"])
        let tier = try memcached.tier()
        let large = CacheWrite("b", [UInt8](repeating: 0, count: 700_000))
        #expect(await code { () throws(CacheError) in try await tier.set([large]) } == .valueTooLarge)
        let comparing = await code { () throws(CacheError) in try await tier.compareAndSet(large, expecting: nil) }
        #expect(comparing == .valueTooLarge)
        try await tier.set([CacheWrite("b", [1])])
        #expect(try await tier.get(["b"])[0]?.value == [1])
        await tier.close()
    }

    @Test func `a server without memory refuses`() async throws {
        let memcached = try await MemcachedProcess(["-M", "-m", "2"])
        let tier = try memcached.tier()
        var refusal: CacheError.Code?
        for round in 0..<100 where refusal == nil {
            let entries = (0..<20).map {
                CacheWrite(CacheKey(stringLiteral: "key-\(round)-\($0)"), [UInt8](repeating: 1, count: 60_000))
            }
            refusal = await code { () throws(CacheError) in try await tier.set(entries) }
        }
        #expect(refusal == .refused)
        _ = try await tier.delete(["key-0-0"])
        await tier.close()
    }

    @Test func `requests that cannot work are refused with their value`() async throws {
        let memcached = try await MemcachedProcess(isStarted: false)
        let tier = try memcached.tier { $0.maximumKeysPerCall = 2 }
        let long = try CacheKey(String(repeating: "k ", count: 100))
        #expect(await code { () throws(CacheError) in try await tier.get([long]) } == .invalidRequest)
        #expect(await code { () throws(CacheError) in try await tier.get(["a", "b", "c"]) } == .invalidRequest)
        let ended = CacheWrite("a", [], timeToLive: .zero)
        #expect(await code { () throws(CacheError) in try await tier.set([ended]) } == .invalidRequest)
        for bytes in [[], [1], [UInt8](repeating: 0, count: 8), [UInt8](repeating: 1, count: 9)] {
            let version = CacheVersion(bytes: bytes)
            #expect(
                await code { () throws(CacheError) in try await tier.compareAndDelete("a", expecting: version) }
                    == .invalidRequest)
        }
        await tier.close()
    }

    // MARK: Time

    @Test func `times to live are kept, and reported in seconds`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        let days: Duration = .seconds(60 * 86_400)
        try await tier.set([
            CacheWrite("minute", [1], timeToLive: .seconds(60)), CacheWrite("days", [1], timeToLive: days),
            CacheWrite("thirty", [1], timeToLive: .seconds(30 * 86_400)),
        ])
        let found = try await tier.get(["minute", "days", "thirty"])
        let minute = try #require(found[0]?.timeToLive)
        #expect(minute > .seconds(30) && minute <= .seconds(60))
        let twoMonths = try #require(found[1]?.timeToLive)
        #expect(twoMonths > days - .seconds(60) && twoMonths <= days + .seconds(2))
        #expect(try #require(found[2]?.timeToLive) > .seconds(30 * 86_400 - 60))
        await tier.close()
    }

    @Test func `an entry is gone when its time is over`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        try await tier.set([CacheWrite("brief", [1], timeToLive: .milliseconds(10)), CacheWrite("kept", [2])])
        try await eventually("the entry is gone") { try await tier.get(["brief"])[0] == nil }
        #expect(try await tier.get(["kept"])[0]?.value == [2])
        await tier.close()
    }

    // MARK: Versions

    @Test func `an entry is stored only over the version that was seen`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        guard case .stored(let first) = try await tier.compareAndSet(CacheWrite("k", [1]), expecting: nil) else {
            Issue.record("nothing was there, and it was not stored")
            return
        }
        let seen = try await tier.get(["k"])[0]
        #expect(seen?.version == first)
        #expect(try await tier.compareAndSet(CacheWrite("k", [9]), expecting: nil) == .conflict(seen))
        guard case .stored(let second) = try await tier.compareAndSet(CacheWrite("k", [2]), expecting: first) else {
            Issue.record("the version was right, and it was not stored")
            return
        }
        #expect(second != first)
        let present = CachedBytes(value: [2], version: second, timeToLive: nil)
        #expect(try await tier.compareAndSet(CacheWrite("k", [3]), expecting: first) == .conflict(present))
        #expect(try await tier.compareAndDelete("k", expecting: first) == false)
        #expect(try await tier.compareAndDelete("k", expecting: second))
        #expect(try await tier.compareAndDelete("k", expecting: second) == false)
        #expect(try await tier.compareAndSet(CacheWrite("k", [3]), expecting: second) == .conflict(nil))
        await tier.close()
    }

    @Test func `counting with versions by many tasks and two clients loses nothing`() async throws {
        let memcached = try await MemcachedProcess()
        let tiers = [try memcached.tier(), try memcached.tier()]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    let tier = tiers[task % 2]
                    for _ in 0..<25 {
                        var isStored = false
                        while !isStored {
                            let seen = try await tier.get(["count"])[0]
                            let next = CacheWrite("count", [(seen?.value[0] ?? 0) + 1])
                            if case .stored = try await tier.compareAndSet(next, expecting: seen?.version) {
                                isStored = true
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await tiers[0].get(["count"])[0]?.value == [200])
        for tier in tiers { await tier.close() }
    }

    @Test func `a server that keeps no versions says so`() async throws {
        let memcached = try await MemcachedProcess(["-C"])
        let tier = try memcached.tier()
        #expect(
            await code { () throws(CacheError) in try await tier.compareAndSet(CacheWrite("k", [1]), expecting: nil) }
                == .refused)
        try await tier.set([CacheWrite("k", [1])])
        #expect(try await tier.get(["k"])[0]?.value == [1])
        await tier.close()
    }

    // MARK: Many callers

    @Test func `64 tasks share one connection and each gets its own answers`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<64 {
                group.addTask {
                    for round in 0..<50 {
                        let keys = (0..<3).map { CacheKey(stringLiteral: "\(task)-\(round)-\($0)") }
                        try await tier.set(keys.map { CacheWrite($0, Array($0.rawValue.utf8)) })
                        #expect(try await tier.get(keys).map { $0?.value } == keys.map { Array($0.rawValue.utf8) })
                    }
                }
            }
            try await group.waitForAll()
        }
        let answer = try RawSocket(port: memcached.port).ask("stats\r\nmn\r\n")
        // The tier's and this one; those of the start may not be counted out yet.
        let counts = (2...4).map { "STAT curr_connections \($0)\r\n" }
        #expect(counts.contains { answer.contains($0) }, "\(answer)")
        await tier.close()
    }
}
