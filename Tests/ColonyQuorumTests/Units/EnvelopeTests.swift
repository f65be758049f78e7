import ColonyCaches
import ColonyCore
import ColonyHashing
import ColonyMemory
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("What lies on a server")
struct EnvelopeTests {
    private let nodes: [NodeID] = ["a", "b", "c"]

    private func store(
        _ tiers: [MemoryCacheTier], _ conflicts: QuorumSettings.Conflicts, node: NodeID = "me"
    ) throws -> QuorumStore {
        var settings = QuorumSettings()
        settings.conflicts = conflicts
        settings.readQuorum = 1
        settings.hedge = .seconds(1)
        // The machine may be busy elsewhere, and an answer that is late is another error.
        settings.timeout = .seconds(60)
        return try QuorumStore(
            node: node, placement: try HashRing(nodes: self.nodes),
            tiers: Dictionary(uniqueKeysWithValues: zip(self.nodes, tiers.map { $0 as any CacheTier })),
            settings: settings)
    }

    @Test(
        "is read as it was written, or not at all: with any byte changed, cut, or added it is damaged",
        arguments: [.lastWriteWins, .siblings] as [QuorumSettings.Conflicts])
    func damage(_ conflicts: QuorumSettings.Conflicts) async throws {
        let tiers = self.nodes.map { _ in MemoryCacheTier() }
        let store = try self.store(tiers, conflicts)
        try await store.write(Array("value".utf8), to: "k")
        if conflicts == .siblings { try await store.write(Array("other".utf8), to: "k") }
        let bytes = try #require(try await tiers[0].get(["k"])[0]).value
        var generator = SeededGenerator(seed: 0xE4_7E)
        var broken: [[UInt8]] = bytes.indices.map { index in
            var copy = bytes
            copy[index] ^= UInt8.random(in: 1...255, using: &generator)
            return copy
        }
        broken += bytes.indices.map { Array(bytes[..<$0]) }
        broken.append(bytes + [0])
        for entry in broken {
            for tier in tiers { try await tier.set([CacheWrite("k", entry)]) }
            let error = await #expect(throws: QuorumError.self) { try await store.read("k") }
            #expect(error?.code == .undecodable, "\(entry)")
        }
        // The entry of one key is none of another.
        for tier in tiers { try await tier.set([CacheWrite("other", bytes)]) }
        let error = await #expect(throws: QuorumError.self) { try await store.read("other") }
        #expect(error?.code == .undecodable)
    }

    @Test("random bytes behind the letters of an entry are refused and stop nothing")
    func fuzz() async throws {
        let tiers = self.nodes.map { _ in MemoryCacheTier() }
        let store = try self.store(tiers, .siblings)
        var generator = SeededGenerator(seed: 0xF0_22)
        for round in 0..<2_000 {
            let count = Int.random(in: 0..<80, using: &generator)
            let bytes =
                [0x43, 0x51, 1, UInt8(round % 4)]
                + (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for tier in tiers { try await tier.set([CacheWrite("k", bytes)]) }
            let error = await #expect(throws: QuorumError.self) { try await store.read("k") }
            #expect(error?.code == .undecodable)
        }
    }

    @Test("of stores that treat conflicts in different ways is refused by the other one")
    func mixed() async throws {
        let tiers = self.nodes.map { _ in MemoryCacheTier() }
        try await self.store(tiers, .lastWriteWins).write([1], to: "k")
        let other = try self.store(tiers, .siblings)
        let error = await #expect(throws: QuorumError.self) { try await other.write([2], to: "k") }
        #expect(error?.code == .undecodable)
        let value = try await self.store(tiers, .lastWriteWins).read("k").value
        #expect(value == [1])
    }

    @Test("of a writer whose clock is ahead beyond the bound is refused when somebody writes after it, with both times")
    func clocksApart() async throws {
        let tiers = self.nodes.map { _ in MemoryCacheTier() }
        var settings = QuorumSettings()
        settings.wallClock = ManualWallClock(now: SystemWallClock().now.advanced(by: .seconds(3_600)))
        let ahead = try QuorumStore(
            node: "ahead", placement: try HashRing(nodes: self.nodes),
            tiers: Dictionary(uniqueKeysWithValues: zip(self.nodes, tiers.map { $0 as any CacheTier })),
            settings: settings)
        try await ahead.write([1], to: "k")
        let store = try self.store(tiers, .lastWriteWins)
        let error = await #expect(throws: QuorumError.self) { try await store.write([2], to: "k") }
        #expect(error?.code == .clock)
        let value = try await store.read("k").value
        #expect(value == [1])
    }
}
