import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

extension Process {
    func election(
        _ name: LeaseName, on engine: some LeaseEngine, _ configuration: LockConfiguration = LockConfiguration()
    ) -> Election {
        Election(name, on: engine, configuration: configuration, keeper: self.keeper, room: self.room)
    }
}

@Suite struct ElectionTests {
    @Test func oneLeadsAndTheNextFollowsWhenItResigns() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let first = Process(simulation).election("scheduler", on: engine)
            let second = Process(simulation).election("scheduler", on: engine)
            let leader = try #require(try await first.campaign(as: "a", proclaiming: "http://a"))
            #expect(leader.isLeader)
            let other = try await second.campaign(upTo: .seconds(5), as: "b")
            #expect(other == nil)
            let waiting = simulation.spawn { try await second.campaign(as: "b", proclaiming: "http://b") }
            try await simulation.clock.sleep(for: .seconds(40))
            #expect(leader.isLeader, "it is renewed for as long as it leads")
            let before = simulation.clock.now
            #expect(try await leader.resign())
            #expect(!leader.isLeader)
            let again = try await leader.resign()
            #expect(!again)
            let next = try #require(try await waiting.value)
            #expect(before == simulation.clock.now, "at once")
            #expect(next.term > leader.term)
            #expect(
                try await first.leader() == Leader(owner: next.owner, term: next.term, metadata: "http://b"))
            #expect(try await first.leader()?.name == "b")
            try await next.resign()
            #expect(try await first.leader() == nil)
        }
    }

    @Test func observersSeeEachLeaderWithWhatItSays() throws {
        try Simulation(seed: 2).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let election = Process(simulation).election("scheduler", on: engine)
            let seen = Mutex<[String]>([])
            let observing = simulation.spawn {
                for try await leader in Process(simulation).election("scheduler", on: engine).observe() {
                    let text = leader.map { "\($0.name ?? "-") \($0.term) \($0.metadata ?? "-")" } ?? "nobody"
                    seen.withLock { $0.append(text) }
                }
            }
            try await simulation.clock.sleep(for: .seconds(5))
            for name in ["a", "b"] {
                let leader = try #require(try await election.campaign(as: name, proclaiming: "1"))
                try await simulation.clock.sleep(for: .seconds(5))
                try await leader.proclaim("2")
                try await simulation.clock.sleep(for: .seconds(5))
                try await leader.resign()
                try await simulation.clock.sleep(for: .seconds(5))
            }
            observing.cancel()
            try await observing.value
            let all = seen.withLock { $0 }
            // Between a grant and its proclamation an observer may look and see a leader that has said nothing yet.
            #expect(
                all.filter { !$0.hasSuffix("-") } == ["nobody", "a 1 1", "a 1 2", "nobody", "b 2 1", "b 2 2", "nobody"])
        }
    }

    @Test func onAnEngineWithoutRecordsObserversLookAndNobodyMayProclaim() throws {
        try Simulation(seed: 3).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let plain = FaultyLeaseEngine(base, clock: simulation.clock)
            let election = Process(simulation).election("scheduler", on: plain)
            let error = await #expect(throws: CoordinationError.self) {
                try await election.campaign(proclaiming: "http://a")
            }
            #expect(error?.code == .guaranteeNotMet)
            let first = simulation.spawn { () -> Leader? in
                for try await leader in election.observe() {
                    if let leader { return leader }
                }
                return nil
            }
            try await simulation.clock.sleep(for: .seconds(5))
            let leadership = try #require(try await election.campaign(as: "a"))
            let start = simulation.clock.now
            #expect(try await first.value == Leader(owner: leadership.owner, term: leadership.term, metadata: nil))
            #expect(start.duration(to: simulation.clock.now) <= .seconds(1))
            try await leadership.resign()
        }
    }

    @Test func whatAFormerLeaderSaysIsSeenByNobody() throws {
        try Simulation(seed: 4).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let slow = FaultyEngine(base, clock: simulation.clock)
            let election = Process(simulation).election("scheduler", on: base)
            let old = try #require(
                try await Process(simulation).election("scheduler", on: slow).campaign(proclaiming: "old"))
            // The write of the old leader is under way while it loses its lease, and arrives late.
            slow.follow { operation, _ in operation == .put ? .delayBefore(.milliseconds(4_900)) : .errorBefore }
            try await simulation.clock.sleep(for: .seconds(24))
            slow.follow { operation, _ in
                operation == .put ? .delayBefore(.milliseconds(4_900)) : operation == .snapshot ? nil : .errorBefore
            }
            let proclaiming = simulation.spawn { try await old.proclaim("late") }
            #expect(try await old.waitUntilLost() == .ranOut)
            let new = try #require(try await election.campaign(as: "new"))
            let error = await #expect(throws: CoordinationError.self) { try await proclaiming.value }
            #expect(error?.code == .leaseLost || error?.code == .unavailable)
            #expect(try await election.leader() == Leader(owner: new.owner, term: new.term, metadata: nil))
            try await new.proclaim("new")
            let late = await #expect(throws: CoordinationError.self) { try await old.proclaim("later still") }
            #expect(late?.code == .leaseLost)
            #expect(try await election.leader()?.metadata == "new")
            try await new.resign()
        }
    }

    /// With calls that hang for any time and clocks that run at different rates: whenever another has won, the old leader says
    /// that it does not lead, and its work is cancelled by then.
    @Test(arguments: Seed(rawValue: 0x1EAD).followed(by: 100))
    func leaderStopsFirst(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            var world = simulation.generator(for: "world")
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyLeaseEngine(base, clock: simulation.clock, seed: seed)
            let rate = Double.random(in: 0.95...1.05, using: &world)
            let clock = SkewedClock(simulation.clock, rate: rate, start: .random(in: 0...(1 << 50), using: &world))
            let client = SkewedClient(engine, clock: clock)
            let election = Election(
                "scheduler", on: client, configuration: LockConfiguration(duration: .seconds(10)),
                keeper: LeaseKeeper(clock: clock, executor: simulation.executor), room: WaitingRoom(clock: clock))
            let old = try #require(try await election.campaign())
            let isCancelled = Mutex(false)
            let working = simulation.spawn {
                try await old.whileLeader { _ in
                    defer { isCancelled.withLock { $0 = true } }
                    try await simulation.clock.sleep(for: .seconds(86_400))
                }
            }
            try await simulation.clock.sleep(for: .milliseconds(Int.random(in: 0...20_000, using: &world)))
            let faults: [LeaseFault] = [
                .hangBefore, .hangAfter, .errorBefore, .delayAfter(.seconds(9)), .delayBefore(.seconds(30)),
            ]
            engine.follow(.always(faults.randomElement(using: &world) ?? .hangBefore))
            let other = Process(simulation).election("scheduler", on: base)
            let new = try #require(try await other.campaign(upTo: .seconds(60)))
            #expect(!old.isLeader, "seed \(seed)")
            #expect(isCancelled.withLock { $0 }, "seed \(seed): the work ends before anybody else has won")
            #expect(new.term > old.term)
            let error = await #expect(throws: CoordinationError.self) { try await working.value }
            #expect(error?.code == .leaseLost)
            engine.heal()
            try await simulation.clock.sleep(for: .seconds(30))
            #expect(!old.isLeader, "a lost term stays lost when the store is back")
            #expect(new.isLeader)
            try await new.resign()
        }
    }

    /// Candidates whose connections fail, whose calls are repeated, late, or stuck, that resign and campaign again, in any order:
    /// one leader a term, and at every moment at most one that believes to lead.
    @Test(arguments: Seed(rawValue: 0x5708).followed(by: 100))
    func reconnectStormOneLeader(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let terms = Mutex<[FencingToken: Int]>([:])
            let believers = Mutex<[Int: Leadership]>([:])
            var candidates: [Task<Void, any Error>] = []
            var engines: [FaultyEngine] = []
            for number in 0..<5 {
                let engine = FaultyEngine(
                    base, clock: simulation.clock, seed: seed.derived(for: "faults \(number)"),
                    plan: { LeaseFault.drawn(rarity: $0 == .wait ? 10 : 4, longest: .seconds(15), using: &$1) })
                engines.append(engine)
                let election = Process(simulation).election(
                    "scheduler", on: engine, LockConfiguration(duration: .seconds(10)))
                var generator = simulation.generator(for: "candidate \(number)")
                let lengths = (0..<20).map { _ in Duration.milliseconds(Int.random(in: 1...15_000, using: &generator)) }
                candidates.append(
                    simulation.spawn {
                        let round = Mutex(0)
                        try await election.lead(as: "candidate-\(number)", proclaiming: "\(number)") {
                            leadership in
                            terms.withLock { terms in
                                let other = terms.updateValue(number, forKey: leadership.term)
                                #expect(other == nil, "seed \(seed): two leaderships of one term")
                            }
                            believers.withLock { $0[number] = leadership }
                            defer { believers.withLock { $0[number] = nil } }
                            let turn = round.withLock { round in
                                round += 1
                                return round
                            }
                            try await simulation.clock.sleep(for: lengths[turn % lengths.count])
                            // Some resign inside their body, which is how a candidate starts anew.
                            if turn.isMultiple(of: 3) { _ = try? await leadership.resign() }
                        }
                    })
            }
            let audit = simulation.spawn {
                while !Task.isCancelled {
                    let leaders = believers.withLock { all in all.filter { $0.value.isLeader } }
                    #expect(leaders.count <= 1, "seed \(seed)")
                    if let leader = leaders.first?.value {
                        let holder = try await base.inspect("scheduler")
                        #expect(holder?.token == leader.term, "seed \(seed)")
                    }
                    try await simulation.clock.sleep(for: .milliseconds(237))
                }
            }
            try await simulation.clock.sleep(for: .seconds(200))
            engines.forEach { $0.heal() }
            // After the storm everybody leads to the end of its body within a bound.
            for candidate in candidates { try await candidate.value }
            audit.cancel()
            _ = await audit.result
            #expect(terms.withLock { $0.count } >= 5)
        }
    }

    @Test func aLeaderThatLostLeadsAgainUntilItsTaskIsCancelled() throws {
        try Simulation(seed: 7).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let election = Process(simulation).election("scheduler", on: engine)
            let terms = Mutex<[FencingToken]>([])
            let leading = simulation.spawn {
                try await election.lead { leadership in
                    terms.withLock { $0.append(leadership.term) }
                    try await simulation.clock.sleep(for: .seconds(86_400))
                }
            }
            for _ in 0..<3 {
                try await simulation.clock.sleep(for: .seconds(100))
                _ = try await engine.breakLease("scheduler")
            }
            try await simulation.clock.sleep(for: .seconds(100))
            #expect(terms.withLock { $0.map(\.rawValue) } == [1, 2, 3, 4])
            leading.cancel()
            await #expect(throws: CancellationError.self) { try await leading.value }
            #expect(try await engine.inspect("scheduler") == nil, "cancelling resigns")
            #expect(try await engine.snapshot(of: "election/scheduler").records.isEmpty)
        }
    }

    @Test func resigningEndsTheWorkAndAnErrorOfTheWorkResigns() throws {
        struct Mishap: Error {}
        try Simulation(seed: 8).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let election = Process(simulation).election("scheduler", on: engine)
            let leadership = try #require(try await election.campaign())
            let working = simulation.spawn {
                try await leadership.whileLeader { _ in try await simulation.clock.sleep(for: .seconds(1_000)) }
            }
            try await simulation.clock.sleep(for: .seconds(1))
            try await leadership.resign()
            await #expect(throws: CancellationError.self) { try await working.value }
            let error = await #expect(throws: CoordinationError.self) {
                try await leadership.whileLeader { _ in Issue.record("the work must not begin") }
            }
            #expect(error?.code == .leaseLost)
            await #expect(throws: Mishap.self) { try await election.lead { _ in throw Mishap() } }
            #expect(try await engine.inspect("scheduler") == nil)
            #expect(try await election.lead { $0.term.rawValue } == 3)
            #expect(simulation.elapsed == .seconds(1))
        }
    }
}
