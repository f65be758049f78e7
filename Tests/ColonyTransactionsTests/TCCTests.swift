import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import ColonyTransactions
import Testing

@Suite("A TCC")
struct TCCTests {
    @Test func `reserves everywhere, and then confirms everywhere`() throws {
        try Stage.play { stage in
            let trip = try stage.participants.trip()
            let coordinator = try stage.coordinator([trip])
            let result = try await coordinator.run { try await coordinator.execute(trip, "a", id: "t-1") }
            #expect(result == "a-hotel a-flight")
            let calls = stage.participants.calls
            #expect(Set(calls.prefix(2)) == ["hotel", "flight"])
            #expect(Set(calls.dropFirst(2)) == ["hotel!", "flight!"])
            let record = try #require(try await stage.journal.read("t-1"))
            #expect(record.summary.kind == .tcc && record.summary.state == .completed)
            #expect(
                record.outline.map(\.name)
                    == ["hotel/try", "flight/try", "hotel/confirm", "flight/confirm", "result"])
        }
    }

    @Test(arguments: TCCOrder.allCases)
    func `that is refused by one is cancelled everywhere, also where it was refused`(
        order: TCCOrder
    ) throws {
        try Stage.play { stage in
            stage.participants.answer("flight", .refuse)
            let trip = try stage.participants.trip(order: order)
            let coordinator = try stage.coordinator([trip])
            try await coordinator.run {
                let outcome = try await coordinator.start(trip, "a").outcome()
                guard case .compensated(.refused, let reason) = outcome else {
                    Issue.record("\(outcome)")
                    return
                }
                #expect(reason == "flight/try: flight says no")
            }
            let calls = stage.participants.calls
            #expect(Set(calls.dropFirst(2)) == ["-hotel", "-flight"])
            if order == .sequential { #expect(calls == ["hotel", "flight", "-flight", "-hotel"]) }
        }
    }

    @Test func `whose branches come one after the other can use what earlier ones gave`() throws {
        try Stage.play { stage in
            let sum = try TCC<Int, Int>("sum", order: .sequential) { tcc in
                let first = tcc.branch("first") { call in
                    call.input + 1
                } confirm: { call in
                    #expect(call.output == 2 && call.branch == "first")
                } cancel: { _ in
                }
                let second = tcc.branch("second") { call in
                    try call[first] * 10
                } confirm: { call in
                    let value = try call[first]
                    #expect(call.output + value == 22)
                } cancel: { _ in
                }
                return tcc.result { call in try call[first] + call[second] }
            }
            let coordinator = try stage.coordinator([sum])
            let result = try await coordinator.run { try await coordinator.execute(sum, 1) }
            #expect(result == 22)
        }
    }

    @Test func `whose confirm gets no answer is repeated, and is not cancelled any more`() throws {
        try Stage.play { stage in
            stage.participants.answer("hotel!", .lost, .doneButLost, .hang, .lost)
            let trip = try stage.participants.trip(timeout: .seconds(5))
            let coordinator = try stage.coordinator([trip])
            try await coordinator.run {
                let handle = try await coordinator.start(trip, "a", id: "t-1")
                try await stage.simulation.clock.sleep(for: .seconds(10))
                coordinator.cancel("t-1")
                guard case .completed = try await handle.outcome() else {
                    Issue.record("it was not completed")
                    return
                }
            }
            #expect(stage.participants.calls.filter { $0 == "hotel!" }.count == 5)
            #expect(stage.participants.calls.filter { $0.hasPrefix("-") } == [])
        }
    }

    @Test func `whose try is given up is cancelled: partialTryIsCancelled`() throws {
        try Stage.play { stage in
            stage.participants.answer("flight", .doneButLost, .doneButLost)
            let policy = try StepPolicy(timeout: .seconds(1), attempts: 2, exhaustion: .turnBack)
            let trip = try stage.participants.trip(policy)
            let coordinator = try stage.coordinator([trip])
            try await coordinator.run {
                let outcome = try await coordinator.start(trip, "a").outcome()
                guard case .compensated(.exhausted, _) = outcome else {
                    Issue.record("\(outcome)")
                    return
                }
            }
            #expect(stage.participants.effects == [])
            #expect(stage.participants.calls.contains("-flight"))
        }
    }

    @Test func `calls each participant with a key and a barrier of its own`() throws {
        try Stage.play { stage in
            let seen = SeenCalls()
            let one = try TCC<Int, Int>("one") { tcc in
                let value = tcc.branch("a") { call in
                    seen.add(call.idempotencyKey, call.barrier)
                    if call.input == 0 { throw Refusal("zero") }
                    return call.input
                } confirm: { call in
                    seen.add(call.idempotencyKey, call.barrier)
                } cancel: { call in
                    #expect(call.output == nil)
                    seen.add(call.idempotencyKey, call.barrier)
                }
                return value
            }
            let coordinator = try stage.coordinator([one])
            try await coordinator.run {
                let result = try await coordinator.execute(one, 7, id: "x")
                #expect(result == 7)
                await #expect(throws: TransactionFailure.self) { try await coordinator.execute(one, 0, id: "y") }
            }
            #expect(
                seen.calls == [
                    "x:a/try:action try of a in x", "x:a/confirm:action confirm of a in x",
                    "y:a/try:action try of a in y", "y:a/try:compensation cancel of a in y",
                ])
        }
    }

    @Test func `that cannot work is refused when it is made`() throws {
        func code(_ build: (consuming TCCBranches<Int>) throws -> StepOutput<Int>) -> TransactionError.Code? {
            do {
                _ = try TCC<Int, Int>("bad", build)
                return nil
            } catch {
                return (error as? TransactionError)?.code
            }
        }
        let noBranch = code { tcc in tcc.result { call in call.input } }
        #expect(noBranch == .invalidDefinition)
        let double = code { tcc in
            tcc.branch("a") { _ in
            } confirm: { _ in
            } cancel: { _ in
            }
            tcc.branch("a") { _ in
            } confirm: { _ in
            } cancel: { _ in
            }
            return tcc.result { call in call.input }
        }
        #expect(double == .invalidDefinition)
        let long = code { tcc in
            tcc.branch(String(repeating: "x", count: 93)) { _ in
            } confirm: { _ in
            } cancel: { _ in
            }
            return tcc.result { call in call.input }
        }
        #expect(long == .invalidDefinition)
        let policy = try StepPolicy(attempts: 1, exhaustion: .turnBack)
        let backward = code { tcc in
            tcc.branch("a", confirmPolicy: policy) { _ in
            } confirm: { _ in
            } cancel: { _ in
            }
            return tcc.result { call in call.input }
        }
        #expect(backward == .invalidDefinition)
        #expect(throws: TransactionError.self) {
            try TCC<Int, Int>("late", timeout: .zero) { tcc in
                tcc.branch("a") { call in
                    call.input
                } confirm: { _ in
                } cancel: { _ in
                }
            }
        }
    }
}

extension Participants {
    /// A hotel and a flight, which are booked together.
    func trip(
        _ policy: StepPolicy = .standard, order: TCCOrder = .parallel, timeout: Duration? = nil
    ) throws -> TCC<String, String> {
        try TCC<String, String>("trip", timeout: timeout, order: order) { tcc in
            let hotel = tcc.branch("hotel", policy: policy) { call in
                try await self.act("hotel", key: call.idempotencyKey)
                return "\(call.input)-hotel"
            } confirm: { call in
                #expect(call.output == "\(call.input)-hotel")
                try await self.act("hotel!", key: call.idempotencyKey)
            } cancel: { call in
                try await self.undo("hotel", key: call.idempotencyKey)
            }
            let flight = tcc.branch("flight", policy: policy) { call in
                try await self.act("flight", key: call.idempotencyKey)
                return "\(call.input)-flight"
            } confirm: { call in
                try await self.act("flight!", key: call.idempotencyKey)
            } cancel: { call in
                try await self.undo("flight", key: call.idempotencyKey)
            }
            return tcc.result { call in "\(try call[hotel]) \(try call[flight])" }
        }
    }
}
