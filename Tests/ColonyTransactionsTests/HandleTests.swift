import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Testing

@Suite("A transaction that is known by its name")
struct HandleTests {
    @Test func `can be waited for by its name alone, here, elsewhere, and after its end`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let (first, second) = (try stage.coordinator([order]), try stage.coordinator([order]))
            try await first.run {
                try await second.run {
                    stage.participants.answer("payment", .hang)
                    let begun = stage.simulation.spawn { try await first.execute(order, "a", id: "o-1") }
                    while try await stage.journal.read("o-1") == nil {
                        try await stage.simulation.clock.sleep(for: .seconds(1))
                    }
                    let here = try await first.handle(of: order, id: "o-1").result()
                    let elsewhere = try await second.handle(of: order, id: "o-1").result()
                    let caller = try await begun.value
                    #expect(here == caller && elsewhere == caller)
                    let later = try await second.handle(of: order, id: "o-1").result()
                    #expect(later == caller)
                    #expect(stage.participants.calls.count == 5, "asking has called somebody")
                }
            }
        }
    }

    @Test func `that is not there, or is another one, is told apart`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let other = try Saga<Int, Int>("order", version: 2) { saga in saga.read("look") { $0.input } }
            let coordinator = try stage.coordinator([order, other])
            try await coordinator.run {
                _ = try await coordinator.execute(order, "a", id: "o-1")
                let unknown = await #expect(throws: TransactionError.self) {
                    _ = try await coordinator.handle(of: order, id: "o-9").outcome()
                }
                #expect(unknown?.code == .unknownTransaction)
                let conflict = await #expect(throws: TransactionError.self) {
                    _ = try await coordinator.handle(of: other, id: "o-1").outcome()
                }
                #expect(conflict?.code == .conflict && conflict?.message.contains("order") == true)
            }
        }
    }

    @Test func `is cancelled wherever it is worked on`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let (first, second) = (try stage.coordinator([order]), try stage.coordinator([order]))
            try await first.run {
                try await second.run {
                    stage.participants.answerAlways("payment", .hang)
                    let handle = try await first.start(order, "a", id: "o-1")
                    let isThere = try await second.requestCancellation(of: "o-1")
                    #expect(isThere)
                    guard case .compensated(.cancelled, _) = try await handle.outcome(upTo: .seconds(20)) else {
                        Issue.record("it was not cancelled")
                        return
                    }
                    let again = try await second.requestCancellation(of: "o-1")
                    let unknown = try await first.requestCancellation(of: "o-9")
                    #expect(!again && !unknown)
                }
            }
            #expect(stage.participants.effects.isEmpty)
        }
    }

    @Test func `is cancelled for good, also if it is worked on here and nobody hears of it any more`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            stage.participants.answerAlways("payment", .hang)
            let first = try stage.coordinator([order])
            try await first.run {
                _ = try await first.start(order, "a", id: "o-1")
                let isThere = try await first.requestCancellation(of: "o-1")
                #expect(isThere)
                let record = try await stage.journal.read("o-1")
                #expect(record?.isCancellationRequested == true)
                guard case .compensated(.cancelled, _) = try await first.handle(of: order, id: "o-1").outcome() else {
                    Issue.record("it was not cancelled")
                    return
                }
            }
            #expect(stage.participants.effects.isEmpty)
        }
    }

    /// An input that calls others the same for a part of it.
    private struct Part: Codable, Hashable, Sendable {
        var id: Int
        var pieces: Set<Int>
        var price: Int

        enum CodingKeys: CodingKey { case id, pieces, price }

        init(_ id: Int, _ pieces: Set<Int>, price: Int) {
            (self.id, self.pieces, self.price) = (id, pieces, price)
        }

        static func == (one: Self, other: Self) -> Bool { one.id == other.id }

        func hash(into hasher: inout Hasher) { hasher.combine(self.id) }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(self.price, forKey: .price)
            try container.encode(self.id, forKey: .id)
            try container.encode(self.pieces.sorted(), forKey: .pieces)
        }
    }

    @Test func `is the same one if its input has the same content, whatever it calls equal`() throws {
        try Stage.play { stage in
            let saga = try Saga<Part, Int>("price") { saga in saga.read("look") { $0.input.price } }
            let one = Set(0..<100)
            // Another order of the same elements, because there is room for more.
            let other = (0..<100).reversed().reduce(into: Set<Int>(minimumCapacity: 10_000)) { $0.insert($1) }
            try #require(Array(one) != Array(other), "both sets are in the same order, so nothing is tested")
            let coordinator = try stage.coordinator([saga])
            try await coordinator.run {
                for pieces in [one, other] {
                    let price = try await coordinator.execute(saga, Part(1, pieces, price: 7), id: "p-1")
                    #expect(price == 7)
                }
                for part in [Part(1, one, price: 8), Part(1, one.union([100]), price: 7)] {
                    let conflict = await #expect(throws: TransactionError.self) {
                        _ = try await coordinator.execute(saga, part, id: "p-1")
                    }
                    #expect(conflict?.code == .conflict)
                }
            }
        }
    }

    @Test func `is forgotten by a journal in memory when its time of retention is over`() throws {
        try Simulation(seed: 1).run { simulation in
            let journal = MemoryTransactionJournal(
                retention: .seconds(60), clock: simulation.clock, wall: simulation.wallClock)
            let saga = try Saga<Int, Int>("look") { saga in saga.read("look") { $0.input } }
            let coordinator = try TransactionCoordinator(
                journal, definitions: [saga], clock: simulation.clock, wall: simulation.wallClock)
            try await coordinator.run {
                for number in 0..<10 {
                    _ = try await coordinator.execute(saga, number, id: try TransactionID("early-\(number)"))
                }
                try await simulation.clock.sleep(for: .seconds(30))
                _ = try await coordinator.execute(saga, 1, id: "late")
                try await simulation.clock.sleep(for: .seconds(31))
                for number in 0..<3 { _ = try await coordinator.execute(saga, number) }
                let counts = try await journal.counts()
                #expect(counts == [.completed: 4], "\(counts)")
                let late = try await journal.read("late")
                #expect(late != nil)
            }
        }
    }
}
