import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Testing

/// What a test plays with: one journal, participants, and as many coordinators as it wants, on a manual clock.
struct Stage: Sendable {
    let simulation: Simulation
    let journal: MemoryTransactionJournal
    let participants: Participants

    init(_ simulation: Simulation) {
        self.simulation = simulation
        self.journal = MemoryTransactionJournal(clock: simulation.clock, wall: simulation.wallClock)
        self.participants = Participants(clock: simulation.clock)
    }

    func coordinator(
        _ definitions: [any TransactionDefining], on journal: (any TransactionAdministration)? = nil
    ) throws -> TransactionCoordinator {
        try TransactionCoordinator(
            journal ?? self.journal, definitions: definitions, clock: self.simulation.clock,
            wall: self.simulation.wallClock, generator: self.simulation.generator(for: "coordinator"))
    }

    static func play(
        seed: Seed = 1, _ body: @escaping @Sendable (Stage) async throws -> Void
    ) throws {
        try Simulation(seed: seed).run { simulation in try await body(Stage(simulation)) }
    }
}

@Suite("A saga")
struct SagaTests {
    @Test func `that succeeds does each step once, in order, and gives what its steps gave`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let coordinator = try stage.coordinator([order])
            let result = try await coordinator.run { try await coordinator.execute(order, "a", id: "o-1") }
            #expect(result == "a-reserved 7")
            #expect(stage.participants.calls == ["stock", "payment", "parcel", "mail"])
            let record = try #require(try await stage.journal.read("o-1"))
            #expect(record.summary.state == .completed)
        }
    }

    @Test func `of n steps in a row needs n + 1 durable writes`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let journal = CountingJournal(stage.journal)
            let coordinator = try stage.coordinator([order], on: journal)
            _ = try await coordinator.run { try await coordinator.execute(order, "a") }
            #expect(journal.writes == 5)
        }
    }

    @Test func `that is refused is undone in reverse, the refused step left out`() throws {
        try Stage.play { stage in
            stage.participants.answer("parcel", .refuse)
            let order = try stage.participants.order()
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                let outcome = try await coordinator.start(order, "a", id: "o-1").outcome()
                guard case .compensated(.refused, let reason) = outcome else {
                    Issue.record("\(outcome)")
                    return
                }
                #expect(reason == "parcel: parcel says no")
            }
            #expect(stage.participants.calls == ["stock", "payment", "parcel", "-payment", "-stock"])
            #expect(stage.participants.effects == [])
        }
    }

    @Test func `whose step refuses and may leave effects undoes that step too`() throws {
        try Stage.play { stage in
            stage.participants.answer("payment", .refuse)
            let order = try stage.participants.order(StepPolicy(compensatesRefused: true))
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                await #expect(throws: TransactionFailure.self) { try await coordinator.execute(order, "a") }
            }
            #expect(stage.participants.calls == ["stock", "payment", "-payment", "-stock"])
        }
    }

    @Test func unknownIsNotFailure() throws {
        try Stage.play { stage in
            let policy = try StepPolicy(timeout: .seconds(1))
            stage.participants.answer("stock", .lost, .doneButLost, .hang)
            stage.participants.answer("parcel", .doneButLost, .hang, .lost)
            let order = try stage.participants.order(policy)
            let coordinator = try stage.coordinator([order])
            let result = try await coordinator.run { try await coordinator.execute(order, "a", id: "o-1") }
            #expect(result == "a-reserved 7")
            #expect(stage.participants.calls.filter { $0.hasPrefix("-") } == [])
            #expect(stage.participants.calls.filter { $0 == "stock" }.count == 4)
            // The first and the second failure in a row are written down, the third is not.
            let record = try #require(try await stage.journal.read("o-1"))
            let failed = record.entries.filter { if case .failed(0, _, _, _) = $0.event { true } else { false } }
            #expect(failed.count == 2)
        }
    }

    @Test(arguments: [true, false]) func compensateOnCancelAndTimeout(cancels: Bool) throws {
        try Stage.play { stage in
            let policy = try StepPolicy(timeout: .seconds(3_600))
            stage.participants.answer("payment", .hang)
            stage.participants.answer("-payment", .lost, .lost)
            let order = try stage.participants.order(policy, timeout: .seconds(100))
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                let handle = try await coordinator.start(order, "a", id: "o-1")
                if cancels {
                    try await stage.simulation.clock.sleep(for: .seconds(10))
                    #expect(coordinator.cancel("o-1"))
                }
                guard case .compensated(let cause, _) = try await handle.outcome() else {
                    Issue.record("it was not compensated")
                    return
                }
                #expect(cause == (cancels ? .cancelled : .timedOut))
            }
            // The third step was not begun, so it is not undone.
            #expect(stage.participants.calls == ["stock", "payment", "-payment", "-payment", "-payment", "-stock"])
        }
    }

    @Test func `ends with the task that executes it, once everything is undone`() throws {
        try Stage.play { stage in
            stage.participants.answer("payment", .hang)
            let order = try stage.participants.order()
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                let caller = stage.simulation.spawn { try await coordinator.execute(order, "a", id: "o-1") }
                try await stage.simulation.clock.sleep(for: .seconds(1))
                caller.cancel()
                await #expect(throws: TransactionFailure.self) { try await caller.value }
                #expect(stage.participants.effects == [])
                #expect(stage.participants.calls.last == "-stock")
            }
        }
    }

    @Test func `that has begun its pivot is not turned back any more`() throws {
        try Stage.play { stage in
            let policy = try StepPolicy(timeout: .seconds(50))
            stage.participants.answer("parcel", .hang, .hang, .hang)
            let order = try stage.participants.order(policy, timeout: .seconds(10))
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                let handle = try await coordinator.start(order, "a", id: "o-1")
                try await stage.simulation.clock.sleep(for: .seconds(20))
                coordinator.cancel("o-1")
                guard case .completed = try await handle.outcome() else {
                    Issue.record("it was not completed")
                    return
                }
            }
        }
    }

    @Test func `started again with its name is the same saga, and with another input a conflict`() throws {
        try Stage.play { stage in
            let order = try stage.participants.order()
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                for _ in 0..<2 {
                    let result = try await coordinator.execute(order, "a", id: "o-1")
                    #expect(result == "a-reserved 7")
                }
                let error = await #expect(throws: TransactionError.self) {
                    try await coordinator.execute(order, "b", id: "o-1")
                }
                #expect(error?.code == .conflict)
            }
            #expect(stage.participants.calls.count == 4)
        }
    }

    @Test func `whose compensation is refused is stuck until a person decides`() throws {
        try Stage.play { stage in
            stage.participants.answer("parcel", .refuse)
            stage.participants.answer("-payment", .refuse, .refuse)
            let order = try stage.participants.order()
            let coordinator = try stage.coordinator([order])
            try await coordinator.run {
                let handle = try await coordinator.start(order, "a", id: "o-1")
                let failure = await #expect(throws: TransactionFailure.self) { try await handle.outcome() }
                #expect(failure?.state == .stuck)
                #expect(coordinator.statistics.stuck == 1)
                #expect(stage.participants.effects == ["payment", "stock"])
                // Again in vain, and then by other means.
                try await stage.journal.intervene(.retry, in: "o-1", by: "ann", wall: stage.simulation.wallClock)
                let again = try await coordinator.start(order, "a", id: "o-1")
                _ = await #expect(throws: TransactionFailure.self) { try await again.outcome() }
                try await stage.simulation.clock.sleep(for: .seconds(2))
                let error = await #expect(throws: TransactionError.self) {
                    try await stage.journal.intervene(.turnBack, in: "o-1", by: "ann")
                }
                #expect(error?.code == .decisionNotPossible)
                try await stage.journal.intervene(
                    .skip(output: nil), in: "o-1", by: "ann", note: "paid back by hand",
                    wall: stage.simulation.wallClock)
                let last = try await coordinator.start(order, "a", id: "o-1")
                guard case .compensated(.refused, _) = try await last.outcome() else {
                    Issue.record("it was not compensated")
                    return
                }
            }
            #expect(stage.participants.effects == ["payment"])
            let record = try #require(try await stage.journal.read("o-1"))
            let notes = record.entries.compactMap { entry -> String? in
                if case .intervened(_, let person, let note) = entry.event { "\(person): \(note)" } else { nil }
            }
            #expect(notes == ["ann: ", "ann: paid back by hand"])
        }
    }

    @Test func `with branches works on them at the same time, and undoes both`() throws {
        try Stage.play { stage in
            let participants = stage.participants
            participants.answer("pay", .refuse)
            let trip = try Saga<Int, Int>("trip") { saga in
                let (hotel, _) = saga.parallel(
                    { branch in
                        let hotel = branch.step("hotel") { call in
                            try await participants.act("hotel", key: call.idempotencyKey)
                            return call.input + 1
                        } compensation: { call in
                            try await participants.undo("hotel", key: call.idempotencyKey)
                        }
                        branch.step("dinner") { call in
                            try await participants.act("dinner", key: call.idempotencyKey)
                        } compensation: { call in
                            try await participants.undo("dinner", key: call.idempotencyKey)
                        }
                        return hotel
                    },
                    { branch in
                        branch.step("flight") { call in
                            try await stage.simulation.clock.sleep(for: .seconds(5))
                            try await participants.act("flight", key: call.idempotencyKey)
                        } compensation: { call in
                            try await participants.undo("flight", key: call.idempotencyKey)
                        }
                    })
                let rest = saga.pivot("pay") { call in try await participants.act("pay", key: call.idempotencyKey) }
                return rest.result { call in try call[hotel] * 2 }
            }
            let coordinator = try stage.coordinator([trip])
            try await coordinator.run {
                await #expect(throws: TransactionFailure.self) { try await coordinator.execute(trip, 1) }
                #expect(participants.effects == [])
                #expect(participants.calls.prefix(4) == ["hotel", "dinner", "flight", "pay"])
                // A dinner before its hotel.
                let undone = participants.calls.dropFirst(4)
                #expect(Set(undone) == ["-hotel", "-dinner", "-flight"])
                #expect(undone.firstIndex(of: "-dinner").map { $0 < undone.firstIndex(of: "-hotel") ?? 0 } == true)
                let result = try await coordinator.execute(trip, 1)
                #expect(result == 4)
            }
        }
    }

    @Test func `within a saga is undone with it, and its steps have its name`() throws {
        try Stage.play { stage in
            let participants = stage.participants
            let inner = try Saga<Int, Int>("inner") { saga in
                let first = saga.step("first") { call in
                    try await participants.act("first", key: call.idempotencyKey)
                    return call.input * 10
                } compensation: { call in
                    #expect(call.output == 30)
                    try await participants.undo("first", key: call.idempotencyKey)
                }
                let second = saga.step("second") { call in
                    try call[first] + call.input
                } compensation: { _ in
                }
                return saga.result { call in "\(try call[second])".count }
            }
            let outer = try Saga<Int, String>("outer") { saga in
                let before = saga.read("before") { call in call.input + 1 }
                let nested = saga.nested("inner", inner) { call in try call[before] + 1 }
                let rest = saga.pivot("last") { call in
                    try await participants.act("last", key: call.idempotencyKey)
                }
                return rest.result { call in "\(try call[nested]) \(try call[before])" }
            }
            let coordinator = try stage.coordinator([outer])
            try await coordinator.run {
                let result = try await coordinator.execute(outer, 1, id: "t-1")
                #expect(result == "2 2")
                let record = try #require(try await stage.journal.read("t-1"))
                #expect(
                    record.outline.map(\.name) == [
                        "before", "inner/input", "inner/first", "inner/second", "inner/result", "last", "result",
                    ])
                participants.answer("last", .refuse)
                await #expect(throws: TransactionFailure.self) { try await coordinator.execute(outer, 1) }
                #expect(participants.calls.last == "-first")
            }
        }
    }
}
