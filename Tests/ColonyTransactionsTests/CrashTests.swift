import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Testing

@Suite("A transaction whose process crashes")
struct CrashTests {
    private struct World: Sendable {
        let participants: Participants
        let saga: Saga<String, String>
    }

    private static func enumeration(_ seed: Seed, _ prepare: @escaping @Sendable (Participants) -> Void)
        -> CrashEnumeration<World>
    {
        CrashEnumeration(
            seed: seed,
            makeWorld: { simulation in
                let participants = Participants(clock: simulation.clock)
                prepare(participants)
                return World(participants: participants, saga: try participants.order())
            },
            makeJournal: { MemoryTransactionJournal(clock: $0.clock, wall: $0.wallClock) },
            definitions: { [$0.saga] },
            start: { world, coordinator in try await coordinator.start(world.saga, "a", id: "o-1").id })
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [Seed]) func coordinatorCrashEverywhere(seed: Seed) throws {
        let forward = try Self.enumeration(seed) { _ in }.crashEverywhere(\.participants.effects)
        // Five durable writes and four calls, before and after each.
        #expect(forward.count == 18)
        let back = try Self.enumeration(seed) { $0.answerAlways("parcel", .refuse) }
            .crashEverywhere(\.participants.effects)
        // Who refuses gives no answer after which one could crash.
        #expect(back.contains { $0.event == .compensation("stock") && $0.side == .after })
        #expect(back.count == 21)
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [Seed])
    func `or is cancelled, at every point, is done as a whole or not at all`(
        seed: Seed
    ) throws {
        let points = try Self.enumeration(seed) { _ in }.cancelEverywhere { world, end in
            let effects = world.participants.effects
            let expected = end == .completed ? ["mail", "parcel", "payment", "stock"] : []
            guard effects == expected else { throw TransactionError(.invalidRequest, "\(end) with \(effects)") }
        }
        #expect(points.count == 18)
    }

    @Test func `fails the enumeration if its participants are not what they must be`() throws {
        #expect(throws: CrashFailure.self) {
            try Self.enumeration(1) { _ in }.crashEverywhere(\.participants.calls)
        }
    }
}
