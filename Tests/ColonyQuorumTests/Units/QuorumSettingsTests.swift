import ColonyCaches
import ColonyCore
import ColonyHashing
import ColonyMemory
import ColonyQuorum
import ColonySimulation
import Testing

@Suite("What a store refuses")
struct QuorumSettingsTests {
    private func store(_ change: (inout QuorumSettings) -> Void) throws(QuorumError) -> QuorumStore {
        var settings = QuorumSettings()
        change(&settings)
        let nodes: [NodeID] = ["a", "b", "c", "d"]
        guard let ring = try? HashRing(nodes: nodes) else { preconditionFailure("four nodes make a ring") }
        var tiers: [NodeID: any CacheTier] = [:]
        for node in nodes { tiers[node] = MemoryCacheTier() }
        return try QuorumStore(node: "me", placement: ring, tiers: tiers, settings: settings)
    }

    private static let impossible: [(@Sendable (inout QuorumSettings) -> Void, String)] = [
        ({ $0.replicas = 5 }, "5 is not possible as the number of replicas N on 4 servers: from 1 to 4"),
        ({ $0.replicas = 0 }, "0 is not possible as the number of replicas"),
        ({ $0.readQuorum = 4 }, "4 is not possible as the read quorum R of 3 replicas: from 1 to 3"),
        ({ $0.writeQuorum = 0 }, "0 is not possible as the write quorum W"),
        ({ $0.timeout = .zero }, "as the time-out of a call"),
        ({ $0.hintLifetime = .seconds(20 * 86_400) }, "as the lifetime of hints"),
        ({ $0.maximumSiblings = 0 }, "0 is not possible as the most siblings"),
    ]

    @Test("settings that cannot work, and quotes them", arguments: impossible)
    func settings(_ change: @Sendable (inout QuorumSettings) -> Void, _ text: String) throws {
        let error = #expect(throws: QuorumError.self) { try self.store(change) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "nothing")")
    }

    @Test("a server without a tier")
    func missingTier() throws {
        let ring = try HashRing(nodes: ["a", "b", "c"] as [NodeID])
        let error = #expect(throws: QuorumError.self) {
            try QuorumStore(node: "me", placement: ring, tiers: ["a": MemoryCacheTier(), "b": MemoryCacheTier()])
        }
        #expect(error?.message.contains("the server c") == true)
    }

    @Test("a level that its quorums cannot give")
    func strongNeedsQuorums() async throws {
        let sloppy = try self.store { $0.membership = .sloppy }
        let first = await #expect(throws: QuorumError.self) { try await sloppy.read("k", at: .strong) }
        #expect(first?.code == .invalidRequest)
        let weak = try self.store { $0.readQuorum = 1 }
        let second = await #expect(throws: QuorumError.self) { try await weak.write([1], to: "k", at: .strong) }
        #expect(second?.message.contains("1 + 2 is not above 3") == true)
        let blind = try self.store { settings in
            settings.readQuorum = 3
            settings.writeQuorum = 1
        }
        let third = await #expect(throws: QuorumError.self) { try await blind.read("k", at: .strong) }
        #expect(third?.message.contains("2 × 1 is not above 3") == true)
    }

    @Test("a value that does not fit, before anything is written")
    func tooLarge() async throws {
        let store = try self.store { _ in }
        let error = await #expect(throws: QuorumError.self) {
            try await store.write([UInt8](repeating: 0, count: 1_048_576), to: "k")
        }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("1048576 bytes") == true)
    }

    @Test("the key under which servers keep the time of their latest write")
    func markKey() async throws {
        let store = try self.store { _ in }
        let error = await #expect(throws: QuorumError.self) { try await store.write([1], to: QuorumStore.markKey) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("\"colony:quorum:latest\"") == true)
        await #expect(throws: QuorumError.self) { try await store.read(QuorumStore.markKey) }
    }

    @Test("every call after it was closed")
    func closed() async throws {
        let store = try self.store { _ in }
        store.close()
        let error = await #expect(throws: QuorumError.self) { try await store.read("k") }
        #expect(error?.code == .closed)
    }

    @Test("entries of other programs, which it leaves as they are, and damaged ones, which it mends from the others")
    func foreignEntries() async throws {
        let nodes: [NodeID] = ["a", "b", "c"]
        let tiers = nodes.map { _ in MemoryCacheTier() }
        let store = try QuorumStore(
            node: "me", placement: try HashRing(nodes: nodes),
            tiers: Dictionary(uniqueKeysWithValues: zip(nodes, tiers.map { $0 as any CacheTier })))
        for tier in tiers { try await tier.set([CacheWrite("theirs", Array("hello".utf8))]) }
        let error = await #expect(throws: QuorumError.self) { try await store.read("theirs") }
        #expect(error?.code == .undecodable)
        let refused = await #expect(throws: QuorumError.self) { try await store.write([1], to: "theirs") }
        #expect(refused?.code == .undecodable)
        let left = try await tiers[0].get(["theirs"])[0]?.value
        #expect(left == Array("hello".utf8))

        try await store.write([7], to: "mine")
        var bytes = try #require(try await tiers[0].get(["mine"])[0]).value
        bytes[bytes.count - 1] ^= 1
        try await tiers[0].set([CacheWrite("mine", bytes)])
        let read = try await store.read("mine")
        #expect(read.value == [7])
    }
}
