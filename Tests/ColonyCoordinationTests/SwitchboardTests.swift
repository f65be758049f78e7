import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonySimulation
import Synchronization
import Testing

@Suite struct SwitchboardTests {
    /// Something with a switch that remembers what was done to it.
    final class Lamp: Switchable {
        let switchID: SwitchID
        private let state = Mutex((position: SwitchPosition.automatic, moves: 0, calls: UInt64(0)))

        init(_ kind: SwitchID.Kind, _ name: String) throws {
            self.switchID = try SwitchID(kind, name)
        }

        var position: SwitchPosition { self.state.withLock { $0.position } }
        var moves: Int { self.state.withLock { $0.moves } }

        func call() { self.state.withLock { $0.calls += 1 } }

        func apply(_ position: SwitchPosition) {
            self.state.withLock {
                $0.position = position
                $0.moves += 1
            }
        }

        var switchReport: SwitchReport {
            self.state.withLock {
                SwitchReport(id: self.switchID, position: $0.position, state: "lit", successes: $0.calls)
            }
        }
    }

    private static func board(
        _ simulation: Simulation, _ engine: some RegistryEngine, _ node: String
    ) throws -> Switchboard {
        let process = Process(simulation)
        return try Switchboard(on: engine, node: NodeID(node), keeper: process.keeper, room: process.room)
    }

    @Test func anOperatorSeesAllProcessesAndMovesTheSwitchOfAll() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lamps = try (0..<3).map { _ in try Lamp(.breaker, "payments") }
            var running: [Task<Void, any Error>] = []
            for (number, lamp) in lamps.enumerated() {
                let board = try Self.board(simulation, engine, "node-\(number)")
                try board.add(lamp)
                running.append(simulation.spawn { try await board.run() })
            }
            try await simulation.clock.sleep(for: .seconds(1))
            let desk = SwitchOperator(on: engine)
            let id = try SwitchID("breaker/payments")
            #expect(try await desk.overview().map(\.id) == [id])
            #expect(try await desk.overview()[0].reports.map(\.node.rawValue) == ["node-0", "node-1", "node-2"])
            try await desk.set(id, to: .refusing, reason: "the bank is down")
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(lamps.map(\.position) == [.refusing, .refusing, .refusing])
            try await simulation.clock.sleep(for: .seconds(3))
            let overview = try await desk.overview()[0]
            #expect(overview.setting == SwitchSetting(.refusing, reason: "the bank is down"))
            #expect(overview.reports.allSatisfy { $0.report.position == .refusing })
            try await desk.set(id, to: .automatic)
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(lamps.map(\.position) == [.automatic, .automatic, .automatic])
            #expect(lamps.map(\.moves) == [2, 2, 2])
            for task in running { task.cancel() }
            for task in running { _ = try? await task.value }
            // Nobody reports it any more, and nobody has moved it.
            #expect(try await desk.overview().isEmpty)
        }
    }

    @Test func aReportIsWrittenWhenItHasChangedAndGoneSoonAfterTheProcessDied() throws {
        try Simulation(seed: 2).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lamp = try Lamp(.limit, "api")
            let board = try Self.board(simulation, engine, "node")
            try board.add(lamp)
            let running = simulation.spawn { try await board.run() }
            let desk = SwitchOperator(on: engine)
            try await simulation.clock.sleep(for: .seconds(1))
            let first = try await engine.snapshot(of: "switchboard/reports").revision
            try await simulation.clock.sleep(for: .seconds(10))
            #expect(try await engine.snapshot(of: "switchboard/reports").revision == first, "nothing has changed")
            lamp.call()
            try await simulation.clock.sleep(for: .seconds(3))
            #expect(try await desk.overview()[0].reports[0].report.successes == 1)
            running.cancel()
            _ = try? await running.value
            #expect(try await desk.overview().isEmpty)
        }
    }

    @Test func aPositionMayBeThereBeforeTheBoard() throws {
        try Simulation(seed: 3).run { simulation in
            let inner = MemoryLeaseEngine(clock: simulation.clock)
            let desk = SwitchOperator(on: inner)
            let id = try SwitchID(.breaker, "search")
            try await desk.set(id, to: .passing)
            let board = try Self.board(simulation, inner, "node")
            let running = simulation.spawn { try await board.run() }
            try await simulation.clock.sleep(for: .seconds(1))
            let late = try Lamp(.breaker, "search")
            try board.add(late)
            #expect(late.position == .passing, "what comes later takes the position at once")
            #expect(board.position(of: id) == .passing)
            let successor = try Lamp(.breaker, "search")
            try board.add(successor)
            #expect(successor.position == .passing && late.position == .automatic, "what is replaced is let go of")
            try board.add(successor)
            #expect(successor.position == .passing, "what is there already stays as it is")
            board.remove(id)
            #expect(successor.position == .automatic)
            let busy = await #expect(throws: CoordinationError.self) { try await board.run() }
            #expect(busy?.code == .ownerBusy)
            running.cancel()
            let end = await #expect(throws: CoordinationError.self) {
                do { try await running.value } catch let error as CoordinationError { throw error }
            }
            #expect(end?.code == .cancelled)
        }
    }

    @Test func aBoardWhoseNameIsTakenEnds() throws {
        try Simulation(seed: 6).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let first = try Self.board(simulation, engine, "node")
            let running = simulation.spawn { try await first.run() }
            try await simulation.clock.sleep(for: .seconds(1))
            let second = try Self.board(simulation, engine, "node")
            let other = simulation.spawn { try await second.run() }
            // Its report has not changed, and it ends all the same.
            let end = await #expect(throws: CoordinationError.self) {
                do { try await running.value } catch let error as CoordinationError { throw error }
            }
            #expect(end?.code == .ownerBusy)
            other.cancel()
            _ = try? await other.value
        }
    }

    @Test func whatCannotBeReadHidesNothingElse() throws {
        try Simulation(seed: 4).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let desk = SwitchOperator(on: engine)
            let id = try SwitchID(.breaker, "a")
            try await desk.set(id, to: .refusing)
            for (key, text) in [
                ("toaster/x", "{}"), ("breaker/b", "no JSON"), ("limit/c", #"{"position":"sideways"}"#),
            ] {
                _ = try await engine.put(
                    RegistryWrite(Array(text.utf8), for: LeaseName(key)), in: "switchboard/positions")
            }
            _ = try await engine.put(RegistryWrite(Array("?".utf8), for: "node"), in: "switchboard/reports")
            #expect(try await desk.overview().map(\.id) == [id])
            let board = try Self.board(simulation, engine, "node")
            let lamp = try Lamp(.breaker, "a")
            try board.add(lamp)
            let running = simulation.spawn { try await board.run() }
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(lamp.position == .refusing)
            running.cancel()
            _ = try? await running.value
        }
    }

    @Test func whatIsTooMuchIsRefusedAndQuoted() throws {
        try Simulation(seed: 5).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let board = try Self.board(simulation, engine, "node")
            for number in 0..<Switchboard.maximumMembers { try board.add(Lamp(.breaker, "\(number)")) }
            try board.add(Lamp(.breaker, "0"))
            let error = #expect(throws: CoordinationError.self) { try board.add(Lamp(.breaker, "one more")) }
            #expect(error?.message.contains("breaker/one more") == true)
            let long = await #expect(throws: CoordinationError.self) {
                try await SwitchOperator(on: engine).set(
                    try SwitchID(.limit, "x"), to: .passing, reason: String(repeating: "é", count: 501))
            }
            #expect(long?.message.contains("1002 bytes") == true)
            let short = #expect(throws: CoordinationError.self) {
                try Switchboard(on: engine, node: "n", interval: .milliseconds(99))
            }
            #expect(short?.message.contains("99") == true)
        }
    }

    @Test(arguments: [
        "", "breaker", "breaker/", "toaster/x", "/x", "breaker/a\u{7}", "limit/" + String(repeating: "a", count: 201),
    ])
    func aSwitchWithoutANameIsRefused(text: String) {
        let error = #expect(throws: ResilienceError.self) { try SwitchID(text) }
        #expect(error?.code == .invalidRequest)
    }
}
