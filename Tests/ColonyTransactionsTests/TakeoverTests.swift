import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import ColonyTransactions
import Synchronization
import Testing

@Suite("Coordinators that share a journal")
struct TakeoverTests {
    /// Three coordinators over a journal that is slow at times, for longer than their leases, so that each is taken for dead now and then,
    /// and participants that fail in every way.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `never do half of a saga, and call each step with one key, however they pause`(number: UInt64) throws {
        try Stage.play(seed: Seed(rawValue: number)) { stage in
            let simulation = stage.simulation
            let chance = Mutex(simulation.generator(for: "answers"))
            let ledger = Ledger()
            let policy = try StepPolicy(
                timeout: .seconds(20), delays: RetryDelays(from: .seconds(1), upTo: .seconds(9)))
            let saga = try ledger.saga(policy) { call in
                let roll = chance.withLock { Int.random(in: 0..<12, using: &$0) }
                switch roll {
                case 0: throw Participants.NoAnswer()
                case 1: try await simulation.clock.sleep(for: .seconds(30))
                case 2: try await simulation.clock.sleep(for: .seconds(3))
                default: break
                }
                // The same answer each time that it is asked.
                if call == "pivot", number % 2 == 0 { throw Refusal("no") }
            }
            let journals = (0..<3).map { SlowJournal(stage.journal, simulation, "\($0)") }
            let coordinators = try journals.map { try stage.coordinator([saga], on: $0) }
            let running = coordinators.map { coordinator in
                simulation.spawn { try await coordinator.run() }
            }
            let starters = (0..<8).map { index in
                simulation.spawn {
                    let id = try TransactionID("s-\(index)")
                    while true {
                        // Whoever gets no answer starts it again.
                        if (try? await coordinators[index % 3].start(saga, index, id: id)) != nil { break }
                        try await simulation.clock.sleep(for: .seconds(1))
                    }
                }
            }
            for starter in starters { try await starter.value }
            for journal in journals { journal.heal() }
            for index in 0..<8 {
                let id = try TransactionID("s-\(index)")
                while let record = try await stage.journal.read(id), !record.summary.state.isFinal {
                    #expect(record.summary.state != .stuck, "seed \(number)")
                    try await stage.journal.waitForChange(of: id, since: record.entries.count, upTo: .seconds(60))
                }
                let record = try #require(try await stage.journal.read(id))
                let effects = ledger.effects(of: id)
                if number % 2 == 0 {
                    #expect(record.summary.state == .compensated && effects.isEmpty, "seed \(number): \(effects)")
                } else {
                    #expect(record.summary.state == .completed, "seed \(number)")
                    #expect(effects == ["last", "one", "pivot", "two"], "seed \(number): \(effects)")
                }
                // What the journal says is one story.
                let ends = record.entries.filter { if case .finished = $0.event { true } else { false } }
                #expect(ends.count == 1, "seed \(number)")
            }
            for task in running { task.cancel() }
            for task in running { _ = try? await task.value }
        }
    }

    @Test func `a coordinator that resigns is followed at once, one that dies after its lease`() throws {
        for dies in [false, true] {
            try Stage.play { stage in
                let (clock, participants) = (stage.simulation.clock, stage.participants)
                participants.answer("payment", .hang)
                let order = try participants.order()
                let first = try stage.coordinator([order])
                let running = stage.simulation.spawn { try await first.run() }
                _ = try await first.start(order, "a", id: "o-1")
                try await clock.sleep(for: .seconds(1))
                if dies {
                    // Its lease is not renewed any more, and what it writes is refused later.
                    let token = try #require(try await stage.journal.read("o-1")?.summary.coordinator)
                    _ = try await stage.journal.renew(token, for: .milliseconds(500))
                }
                let before = clock.now
                if !dies {
                    running.cancel()
                    _ = try? await running.value
                }
                let second = try stage.coordinator([order])
                try await second.run {
                    let handle = try await second.start(order, "a", id: "o-1")
                    guard case .completed("a-reserved 7") = try await handle.outcome() else {
                        Issue.record("it was not completed")
                        return
                    }
                    #expect(before.duration(to: clock.now) < .seconds(8))
                    #expect(second.statistics.claimed == 1)
                }
                running.cancel()
                _ = try? await running.value
                #expect(participants.effects == ["mail", "parcel", "payment", "stock"])
            }
        }
    }

    @Test func `leave definitions that they do not have to others, and say so once`() throws {
        try Stage.play { stage in
            let old = try stage.participants.order()
            let new = try Saga<Int, Int>("order", version: 2) { saga in saga.read("look") { $0.input } }
            stage.participants.answer("payment", .hang)
            let first = try stage.coordinator([old])
            let running = stage.simulation.spawn { try await first.run() }
            _ = try await first.start(old, "a", id: "o-1")
            running.cancel()
            _ = try? await running.value

            let second = try stage.coordinator([new])
            let events = second.events()
            try await second.run {
                let result = try await second.execute(new, 3)
                #expect(result == 3)
                try await stage.simulation.clock.sleep(for: .seconds(30))
            }
            var unknown: [DefinitionKey] = []
            let listening = stage.simulation.spawn {
                var seen: [DefinitionKey] = []
                for await case .unknownDefinition(let key) in events {
                    seen.append(key)
                    break
                }
                return seen
            }
            unknown = try await listening.value
            #expect(unknown == [old.key])
            #expect(try await stage.journal.read("o-1")?.summary.state == .running)

            // Both versions side by side.
            let third = try stage.coordinator([new, old])
            try await third.run {
                let handle = try await third.start(old, "a", id: "o-1")
                let result = try await handle.result()
                #expect(result == "a-reserved 7")
            }
        }
    }

    @Test func `hand a transaction to a person if the definition of its version has other steps, or reads other bytes`()
        throws
    {
        try Stage.play { stage in
            stage.participants.answer("payment", .hang)
            let order = try stage.participants.order()
            let first = try stage.coordinator([order])
            let running = stage.simulation.spawn { try await first.run() }
            _ = try await first.start(order, "a", id: "o-1")
            try await stage.simulation.clock.sleep(for: .seconds(1))
            running.cancel()
            _ = try? await running.value

            let changed = try Saga<String, String>("order") { saga in saga.read("look") { $0.input } }
            let second = try stage.coordinator([changed])
            try await second.run {
                let handle = try await second.start(changed, "a", id: "o-1")
                let failure = await #expect(throws: TransactionFailure.self) { try await handle.outcome() }
                #expect(failure?.state == .stuck)
                #expect(failure?.reason.contains("has other steps") == true, "\(failure?.reason ?? "")")
            }
            // The one who has the right one goes on where it was.
            try await stage.journal.intervene(.retry, in: "o-1", by: "ann", wall: stage.simulation.wallClock)
            let third = try stage.coordinator([order])
            try await third.run {
                let handle = try await third.start(order, "a", id: "o-1")
                let result = try await handle.result()
                #expect(result == "a-reserved 7")
            }
        }
    }

    @Test func `are not misled by a civil clock that is stepped`() throws {
        try Stage.play { stage in
            let policy = try StepPolicy(timeout: .seconds(30))
            stage.participants.answer("payment", .hang)
            let order = try stage.participants.order(policy, timeout: .seconds(100))
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                let handle = try await coordinator.start(order, "a", id: "o-1")
                stage.simulation.wallClock.step(by: .seconds(86_400))
                let result = try await handle.result()
                #expect(result == "a-reserved 7")
            }
        }
    }
}

/// Participants of many sagas, which do what they are asked once for each key and refuse what comes after its compensation.
private final class Ledger: Sendable {
    private struct State {
        var effects: [TransactionID: Set<String>] = [:]
        var undone: Set<String> = []
    }

    private let state = Mutex(State())

    func effects(of id: TransactionID) -> [String] { self.state.withLock { ($0.effects[id] ?? []).sorted() } }

    private func act(_ id: TransactionID, _ step: String) {
        self.state.withLock { state in
            if state.undone.contains("\(id) \(step)") { return }
            state.effects[id, default: []].insert(step)
        }
    }

    private func undo(_ id: TransactionID, _ step: String) {
        self.state.withLock { state in
            state.undone.insert("\(id) \(step)")
            state.effects[id]?.remove(step)
        }
    }

    func saga(
        _ policy: StepPolicy, _ meet: @escaping @Sendable (String) async throws -> Void
    ) throws -> Saga<Int, Int> {
        try Saga<Int, Int>("ledger") { saga in
            for name in ["one", "two"] {
                saga.step(name, policy: policy) { call in
                    try await meet(name)
                    self.act(call.transaction, name)
                } compensation: { call in
                    try await meet("-\(name)")
                    self.undo(call.transaction, name)
                }
            }
            let rest = saga.pivot("pivot", policy: policy) { call in
                try await meet("pivot")
                self.act(call.transaction, "pivot")
            }
            rest.retryable("last", policy: policy) { call in
                try await meet("last")
                self.act(call.transaction, "last")
            }
            return rest.result { $0.input }
        }
    }
}
