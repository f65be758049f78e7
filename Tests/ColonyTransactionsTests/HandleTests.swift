import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Foundation
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

    @Test func `is the same one when a set in its input is written in another order`() throws {
        try Stage.play { stage in
            let saga = try Saga<Set<Int>, Int>("sum") { saga in saga.read("add") { $0.input.reduce(0, +) } }
            let one = Set(0..<100)
            // Another order of the same elements, because there is room for more.
            let other = (0..<100).reversed().reduce(into: Set<Int>(minimumCapacity: 10_000)) { $0.insert($1) }
            let texts = try [one, other].map { try JSONEncoder().encode($0) }
            try #require(texts[0] != texts[1], "both sets are written in the same order, so nothing is tested")
            let coordinator = try stage.coordinator([saga])
            try await coordinator.run {
                for set in [one, other] {
                    let sum = try await coordinator.execute(saga, set, id: "s-1")
                    #expect(sum == 4_950)
                }
                let conflict = await #expect(throws: TransactionError.self) {
                    _ = try await coordinator.execute(saga, one.union([100]), id: "s-1")
                }
                #expect(conflict?.code == .conflict)
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
