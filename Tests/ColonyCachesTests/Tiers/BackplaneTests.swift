import ColonyCaches
import ColonyCore
import ColonyMemory
import ColonySimulation
import Testing

@Suite("Copies before a shared cache", .timeLimit(.minutes(2)))
struct BackplaneTests {
    private let clock = ManualClock()
    private let store: MemoryCacheTier

    init() { self.store = MemoryCacheTier(clock: self.clock) }

    /// Moves the clock until the listening task, which may be pausing, has the channel again.
    private func reconnect(_ node: TierNode) async throws {
        node.tier.setChannel(.open)
        try await eventually("the channel is back") {
            if node.cache.statistics.channel.isListening { return true }
            self.clock.advance(by: .milliseconds(10))
            return false
        }
    }

    @Test func backplaneGapIsHealed() async throws {
        for seed in 0..<40 as Range<UInt64> {
            var generator = SeededGenerator(seed: Seed(rawValue: seed))
            let node = try TierNode(self.store, clock: self.clock) { options in
                options.localTimeToLive = .seconds(60)
                options.unlistenedTimeToLive = .seconds(5)
            }
            try await node.listen()
            let keys = (0..<4).map { "key-\(seed)-\($0)" }
            /// When each value was replaced.
            var history: [String: [(value: String, end: MonotonicInstant)]] = [:]
            var present: [String: String] = [:]
            var channel = ScriptedTier.Channel.open
            var expectedNews = node.cache.statistics.channel.invalidations

            for step in 0..<60 {
                let key = keys[Int.random(in: 0..<keys.count, using: &generator)]
                switch Int.random(in: 0..<10, using: &generator) {
                case 0..<3:
                    if let old = present[key] { history[key, default: []].append((old, self.clock.now)) }
                    present[key] = "\(step)"
                    try await node.storeElsewhere(CacheKey(key), "\(step)")
                    if case .open = channel {
                        expectedNews += 1
                        let news = expectedNews
                        try await eventually("the news came") { node.cache.statistics.channel.invalidations == news }
                    }
                case 3..<8:
                    let value = try await node.cache.get(key)
                    guard value != present[key] else { break }
                    let end = history[key, default: []].last { $0.value == value }?.end
                    let staleFor = try #require(end, "seed \(seed): \(value ?? "nil") never was").duration(
                        to: self.clock.now)
                    switch channel {
                    case .open: Issue.record("seed \(seed), step \(step): stale by \(staleFor) while listening")
                    case .silent: #expect(staleFor < .seconds(60), "seed \(seed), step \(step)")
                    case .cut: #expect(staleFor < .seconds(5), "seed \(seed), step \(step)")
                    }
                case 8:
                    self.clock.advance(by: .milliseconds(Int.random(in: 1...20_000, using: &generator)))
                default:
                    switch channel {
                    case .open:
                        channel = Bool.random(using: &generator) ? .silent : .cut
                        node.tier.setChannel(channel)
                        if case .cut = channel {
                            try await eventually("the loss is known") { !node.cache.statistics.channel.isListening }
                        }
                    case .silent, .cut:
                        // Also what was lost silently is noticed at last, and then the channel is made anew.
                        node.tier.setChannel(.cut)
                        try await eventually("the loss is known") { !node.cache.statistics.channel.isListening }
                        channel = .open
                        try await self.reconnect(node)
                    }
                }
            }
            await node.stop()
        }
    }

    @Test func `copies end at once when a change is told, and all of them after a gap`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        try await node.listen()
        try await node.storeElsewhere("a", "1")
        #expect(try await node.cache.get("a") == "1")
        #expect(try await node.cache.get("a") == "1")
        #expect(node.tier.gets == 1)
        try await node.storeElsewhere("a", "2")
        try await eventually("the copy is gone") { try node.cache.localValue("a") == nil }
        #expect(try await node.cache.get("a") == "2")
        node.tier.tell(.gap)
        try await eventually("all copies are gone") { try node.cache.localValue("a") == nil }
        await node.stop()
    }

    @Test func `without anybody who listens copies end early`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        try await node.storeElsewhere("a", "1")
        _ = try await node.cache.get("a")
        self.clock.advance(by: .milliseconds(4_999))
        #expect(try node.cache.localValue("a") == "1")
        self.clock.advance(by: .milliseconds(1))
        #expect(try node.cache.localValue("a") == nil)
    }

    @Test func `an own write does not end its own copy, and its echo is compared`() async throws {
        let node = try TierNode(self.store, clock: self.clock, hasEcho: false)
        try await node.listen()
        for round in 1...20 {
            #expect(try await node.cache.set("a", to: "\(round)") == .stored)
            node.tier.tell(.keys(["a"]))
            try await eventually("the echo is compared") {
                node.cache.statistics.channel.revalidations == UInt64(round)
            }
            #expect(try node.cache.localValue("a") == "\(round)")
        }
        // A change by others that comes in the guise of an echo is found.
        try await node.storeElsewhere("a", "other")
        try await eventually("the copy is gone") { try node.cache.localValue("a") == nil }
        #expect(try await node.cache.get("a") == "other")
        await node.stop()
    }

    @Test func `echoes that come during and after own writes lose nothing`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        try await node.listen()
        for round in 1...50 {
            try await node.cache.set("a", to: "\(round)")
            #expect(try await node.cache.get("a") == "\(round)")
        }
        try await eventually("the echoes came") { node.cache.statistics.channel.invalidations == 50 }
        #expect(try await node.cache.get("a") == "50")
        await node.stop()
    }

    @Test func `a change by others that is told during an own write is found`() async throws {
        let node = try TierNode(self.store, clock: self.clock, hasEcho: false)
        try await node.listen()
        for isComparing in [false, true] {
            let key = isComparing ? "compared" : "set"
            let (gate, held) = (node.tier.holdNextWrite(), node.tier.heldUp)
            async let writing: Void = {
                if isComparing {
                    _ = try await node.cache.compareAndSet(key, to: "mine", expecting: nil)
                } else {
                    try await node.cache.set(key, to: "mine")
                }
            }()
            try await eventually("the answer is held up") { node.tier.heldUp == held + 1 }
            let before = node.cache.statistics.channel.invalidations
            try await node.storeElsewhere(CacheKey(key), "theirs")
            try await eventually("the news came") { node.cache.statistics.channel.invalidations > before }
            gate.fire()
            try await writing
            try await eventually("the copy is gone") { try node.cache.localValue(key) == nil }
            #expect(try await node.cache.get(key) == "theirs")
        }
        await node.stop()
    }

    @Test func `two own writes at once leave what the store has`() async throws {
        let node = try TierNode(self.store, clock: self.clock, hasEcho: false)
        let gate = node.tier.holdNextWrite()
        async let first = node.cache.set("a", to: "first")
        try await eventually("the answer is held up") { node.tier.heldUp == 1 }
        try await node.cache.set("a", to: "second")
        #expect(try await node.cache.get("a") == "second")
        gate.fire()
        _ = try await first
        #expect(try await node.cache.get("a") == "second")
    }

    @Test func `without an echo an own write asks nobody`() async throws {
        let node = try TierNode(self.store, clock: self.clock, hasEcho: false)
        try await node.listen()
        try await node.cache.set("a", to: "1")
        #expect(try await node.cache.get("a") == "1")
        #expect(node.tier.gets == 0)
        await node.stop()
    }

    @Test func `a look-up that began before a change leaves no copy`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        try await node.listen()
        try await node.storeElsewhere("a", "old")
        let gate = node.tier.holdNextAnswer()
        async let early = node.cache.get("a")
        try await eventually("the answer is held up") { node.tier.heldUp == 1 }
        let before = node.cache.statistics.channel.invalidations
        try await node.storeElsewhere("a", "new")
        try await eventually("the news came") { node.cache.statistics.channel.invalidations > before }
        // A newcomer knows of the change, so it does not join.
        #expect(try await node.cache.get("a") == "new")
        gate.fire()
        #expect(try await early == "old")
        #expect(try node.cache.localValue("a") != "old")
        #expect(try await node.cache.get("a") == "new")
        await node.stop()
    }

    @Test func `a look-up that began before a gap leaves no copy`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        try await node.listen()
        try await node.storeElsewhere("a", "old")
        let gate = node.tier.holdNextAnswer()
        async let early = node.cache.get("a")
        try await eventually("the answer is held up") { node.tier.heldUp == 1 }
        try await self.store.set([CacheWrite("a", Array("new".utf8))])
        let before = node.cache.statistics.channel.flushes
        node.tier.tell(.gap)
        try await eventually("the gap is known") { node.cache.statistics.channel.flushes > before }
        #expect(try await node.cache.get("a") == "new")
        gate.fire()
        #expect(try await early == "old")
        #expect(try node.cache.localValue("a") != "old")
        #expect(try await node.cache.get("a") == "new")
        await node.stop()
    }

    @Test func `a look-up that began before an own write leaves no copy`() async throws {
        let node = try TierNode(self.store, clock: self.clock, hasEcho: false)
        try await node.storeElsewhere("a", "old")
        let gate = node.tier.holdNextAnswer()
        async let early = node.cache.get("a")
        try await eventually("the answer is held up") { node.tier.heldUp == 1 }
        try await node.cache.set("a", to: "new")
        gate.fire()
        #expect(try await early == "old")
        #expect(try node.cache.localValue("a") == "new")
        try await node.cache.remove("a")
        #expect(try await node.cache.get("a") == nil)
    }

    @Test func `after each write a node sees what it wrote, whatever its other tasks do`() async throws {
        for seed in 0..<30 as Range<UInt64> {
            try Simulation(seed: Seed(rawValue: seed)).run { simulation in
                let store = MemoryCacheTier(clock: simulation.clock)
                var options = TieredCacheOptions()
                options.clock = simulation.clock
                let cache = try TieredCache<String, String>(
                    store, codec: .utf8, options: options, generator: SeededGenerator(seed: 1))
                let tasks = (0..<4).map { number in
                    simulation.spawn {
                        for round in 0..<20 {
                            let key = "\((number + round) % 3)"
                            _ = try await cache.get(key)
                            // Only this task writes this key, so nothing else can be there afterwards.
                            try await cache.set("own-\(number)", to: "\(round)")
                            #expect(try await cache.get("own-\(number)") == "\(round)")
                            try await cache.set(key, to: "\(number)-\(round)")
                        }
                    }
                }
                for task in tasks { try await task.value }
                // Once all is over, the copies are what the store has.
                for key in ["0", "1", "2"] {
                    let stored = try await store.get([CacheKey(key)])[0].map {
                        String(decoding: $0.value, as: UTF8.self)
                    }
                    #expect(try await cache.get(key) == stored)
                }
            }
        }
    }

    @Test func `the background work ends when its task is cancelled, and copies then end early`() async throws {
        let node = try TierNode(self.store, clock: self.clock)
        try await node.listen()
        try await node.cache.set("a", to: "1")
        await node.stop()
        #expect(!node.cache.statistics.channel.isListening)
        self.clock.advance(by: .seconds(5))
        #expect(try node.cache.localValue("a") == nil)
        try await node.listen()
        await node.stop()
    }
}
