import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("A shared cache that fails", .timeLimit(.minutes(2)))
struct TierFailureTests {
    private let clock = ManualClock()
    private let store: MemoryCacheTier

    init() { self.store = MemoryCacheTier(clock: self.clock) }

    @Test func `look-ups find nothing while it is down, and it is left alone after some`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        node.tier.setTrouble(.fails(.unavailable))
        for _ in 0..<10 { #expect(try await node.cache.get("a") == nil) }
        #expect(node.tier.gets == 3)
        #expect(node.cache.statistics.tier.isResting)
        #expect(node.cache.statistics.tier.skippedCalls == 7)
        // One call tries after the rest, and a failure makes the next rest longer.
        self.clock.advance(by: .milliseconds(200))
        for _ in 0..<10 { #expect(try await node.cache.get("a") == nil) }
        #expect(node.tier.gets == 4)
        node.tier.setTrouble(.none)
        try await node.storeElsewhere("a", "1")
        self.clock.advance(by: .milliseconds(400))
        #expect(try await node.cache.get("a") == "1")
        #expect(node.problems == ["resting", "resting", "recovered"])
    }

    @Test func `a call that hangs ends with the deadline, and later ones do not wait`() async throws {
        let node = try TierNode(self.store, clock: self.clock) { $0.failuresBeforeRest = 1 }
        node.tier.setTrouble(.hangs)
        async let value = node.cache.get("a")
        try await self.clock.waitForSleepers(1)
        self.clock.advance(by: .milliseconds(500))
        #expect(try await value == nil)
        // The clock stands still, so this one cannot have waited.
        #expect(try await node.cache.get("a") == nil)
        #expect(node.tier.gets == 1)
    }

    @Test func `calls throw where failures are not to be hidden`() async throws {
        let node = try TierNode(self.store, clock: self.clock) { $0.failure = .hard }
        node.tier.setTrouble(.fails(.unavailable))
        let reading = await #expect(throws: CacheError.self) { try await node.cache.get("a") }
        #expect(reading?.code == .unavailable)
        let writing = await #expect(throws: CacheError.self) { try await node.cache.set("a", to: "1") }
        #expect(writing?.code == .unavailable)
        #expect(try node.cache.localValue("a") == nil)
    }

    @Test(arguments: [ScriptedTier.Trouble.fails(.unavailable), .losesAnswers])
    func `a write that may not have arrived is made good`(trouble: ScriptedTier.Trouble) async throws {
        let (node, other) = (
            try TierNode(self.store, clock: self.clock), try TierNode(self.store, clock: self.clock)
        )
        try await node.listen()
        try await node.cache.set("a", to: "old")
        try await node.cache.set("b", to: "old")
        #expect(try await other.cache.get("a") == "old")
        node.tier.setTrouble(trouble)
        #expect(try await node.cache.set("a", to: "new") == .queued)
        #expect(try await node.cache.remove("b") == .queued)
        // The node itself goes on with what it wrote.
        #expect(try await node.cache.get("a") == "new")
        #expect(try await node.cache.get("b") == nil)
        #expect(node.cache.statistics.tier.pendingRepairs == 2)
        node.tier.setTrouble(.none)
        try await eventually("the keys are removed") {
            self.clock.advance(by: .milliseconds(50))
            return node.cache.statistics.tier.pendingRepairs == 0
        }
        #expect(try await self.store.get(["a", "b"]) == [nil, nil])
        #expect(try await node.cache.get("a") == nil)
        await node.stop()
    }

    @Test func `a key whose write is queued is not read from the shared cache`() async throws {
        let node = try TierNode(self.store, clock: self.clock) { $0.failuresBeforeRest = 100 }
        try await node.storeElsewhere("a", "old")
        node.tier.setTrouble(.fails(.unavailable))
        try await node.cache.set("a", to: "new")
        node.tier.setTrouble(.none)
        self.clock.advance(by: .seconds(5))
        // The copy is over, and what is there is older than the write.
        #expect(try await node.cache.get(all: ["a"]).isEmpty)
        #expect(node.cache.statistics.tier.pendingRepairs == 1)
        // Whoever asks for this key alone makes it good.
        #expect(try await node.cache.get("a") == nil)
        #expect(try await self.store.get(["a"]) == [nil])
        // A load replaces it, and nothing is left to be made good.
        #expect(try await node.cache.get("a") { _ in "loaded" } == "loaded")
        #expect(node.cache.statistics.tier.pendingRepairs == 0)
        #expect(try await self.store.get(["a"])[0]?.value == Array("loaded".utf8))
    }

    @Test func `queued writes are bounded, and one more fails`() async throws {
        let node = try TierNode(self.store, clock: self.clock) { $0.maximumRepairs = 2 }
        node.tier.setTrouble(.fails(.unavailable))
        try await node.cache.set("a", to: "1")
        try await node.cache.set("b", to: "1")
        #expect(try await node.cache.set("a", to: "2") == .queued)
        let error = await #expect(throws: CacheError.self) { try await node.cache.set("c", to: "1") }
        #expect(error?.code == .unavailable)
        #expect(try node.cache.localValue("c") == nil)
    }

    @Test func `what cannot be read counts as absent and is reported`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        try await node.tier.base.set([CacheWrite("bytes", [0xFF, 0xFE]), CacheWrite("good", Array("1".utf8))])
        node.tier.setWrongType("list")
        #expect(try await node.cache.get("bytes") == nil)
        #expect(try await node.cache.get("list") == nil)
        #expect(node.problems == ["unreadable", "unreadable"])
        // One of another type does not hide the others.
        #expect(try await node.cache.get(all: ["list", "good", "bytes"]) == ["good": "1"])
        let comparing = await #expect(throws: CacheError.self) { try await node.cache.entry("bytes") }
        #expect(comparing?.code == .undecodable)
        // A load replaces it.
        #expect(try await node.cache.get("bytes") { _ in "fine" } == "fine")
        #expect(try await self.store.get(["bytes"])[0]?.value == Array("fine".utf8))
    }

    @Test func `a value over the limit is refused before anything is stored`() async throws {
        let store = MemoryCacheTier(limits: CacheTierLimits(valueBytes: 4, keysPerCall: 2), clock: self.clock)
        let node = try TierNode(store, clock: self.clock)
        try await node.cache.set("a", to: "1234")
        let error = await #expect(throws: CacheError.self) {
            try await node.cache.set(all: ["b": "1", "a": "12345"])
        }
        #expect(error?.code == .valueTooLarge)
        #expect(try await node.cache.get("a") == "1234")
        #expect(try await node.cache.get("b") == nil)
        // One that was loaded is kept here, and that is reported.
        #expect(try await node.cache.get("c") { _ in "12345" } == "12345")
        #expect(try node.cache.localValue("c") == "12345")
        #expect(node.problems == ["notShared"])
        // More keys than a call takes are cut into several.
        try await node.cache.set(all: (0..<5).map { (key: "\($0)", value: "\($0)") })
        node.cache.removeAllCopies()
        #expect(try await node.cache.get(all: (0..<6).map { "\($0)" }).count == 5)
        try await node.cache.remove(all: (0..<5).map { "\($0)" })
        #expect(try await node.cache.get(all: (0..<6).map { "\($0)" }).isEmpty)
    }

    @Test func `settings and requests that cannot work are refused and quoted`() async throws {
        let changes: [@Sendable (inout TieredCacheOptions) -> Void] = [
            { $0.localCapacity = 0 }, { $0.localTimeToLive = .zero }, { $0.unlistenedTimeToLive = .seconds(-1) },
            { $0.unlistenedTimeToLive = .seconds(61) }, { $0.timeToLive = .zero }, { $0.deadline = .zero },
            { $0.failuresBeforeRest = 0 }, { $0.maximumRepairs = 0 },
        ]
        for change in changes {
            let error = #expect(throws: CacheError.self) { try TierNode(self.store, clock: self.clock, change) }
            #expect(error?.code == .invalidConfiguration)
        }
        let node = try TierNode(self.store, clock: self.clock)
        for key in ["", "with\nline", String(repeating: "x", count: 251)] {
            let error = await #expect(throws: CacheError.self) { try await node.cache.get(key) }
            #expect(error?.code == .invalidRequest)
        }
        let error = await #expect(throws: CacheError.self) {
            try await node.cache.set("a", to: "1", timeToLive: .zero)
        }
        #expect(error?.code == .invalidRequest)
    }

    @Test func `a comparison decides, and copies follow it`() async throws {
        let (node, other) = (
            try TierNode(self.store, clock: self.clock), try TierNode(self.store, clock: self.clock)
        )
        guard case .stored(let first) = try await node.cache.compareAndSet("a", to: "1", expecting: nil) else {
            Issue.record("nothing was there")
            return
        }
        #expect(try node.cache.localValue("a") == "1")
        try await other.cache.set("a", to: "2")
        guard case .conflict(let entry?) = try await node.cache.compareAndSet("a", to: "3", expecting: first) else {
            Issue.record("another version was there")
            return
        }
        #expect(entry.value == "2")
        #expect(try node.cache.localValue("a") == nil)
        guard case .stored = try await node.cache.compareAndSet("a", to: "4", expecting: entry.version) else {
            Issue.record("the version was there")
            return
        }
        #expect(try await !node.cache.compareAndRemove("a", expecting: entry.version))
        let present = try #require(try await node.cache.entry("a"))
        #expect(present.value == "4")
        #expect(try await node.cache.compareAndRemove("a", expecting: present.version))
        #expect(try await node.cache.get("a") == nil)
        node.tier.setTrouble(.fails(.unavailable))
        let error = await #expect(throws: CacheError.self) {
            try await node.cache.compareAndSet("a", to: "1", expecting: nil)
        }
        #expect(error?.code == .unavailable)
    }
}
