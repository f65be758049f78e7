import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

extension Process {
    func registry(on engine: some RegistryEngine, duration: Duration = .seconds(30)) -> Registry {
        Registry(on: engine, duration: duration, keeper: self.keeper, room: self.room)
    }
}

@Suite struct RegistryTests {
    private static let orders = ServiceInstance(
        id: "orders-1", address: "10.0.0.7", port: 8080, metadata: ["version": "1.4"], zone: "eu-1")

    @Test func anInstanceIsListedForAsLongAsItIsRegistered() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let registry = Process(simulation).registry(on: engine)
            try await registry.withRegistration(Self.orders, as: "orders") { registration in
                try await simulation.clock.sleep(for: .seconds(1_000))
                #expect(registration.isRegistered)
                #expect(try await registry.instances(of: "orders").instances == [Self.orders])
                #expect(try await registry.instances(of: "others").instances.isEmpty)
            }
            #expect(try await registry.instances(of: "orders").instances.isEmpty)
        }
    }

    @Test func theRecordIsTheDocumentedJSONAndWhatIsLeftOutHasItsDefault() throws {
        try Simulation(seed: 2).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let registry = Process(simulation).registry(on: engine)
            let registration = try await registry.register(Self.orders, as: "orders")
            let record = try #require(try await engine.snapshot(of: "service/orders")["orders-1"])
            #expect(
                String(decoding: record.value, as: UTF8.self)
                    == #"{"address":"10.0.0.7","health":"healthy","id":"orders-1","metadata":{"version":"1.4"},"#
                    + #""port":8080,"weight":1,"zone":"eu-1"}"#)
            let foreign = [
                ("b", #"{"id":"b","address":"h","port":1,"unknown":[1]}"#),
                ("c", #"{"id":"other","address":"h","port":1}"#),
                ("d", "no JSON"),
            ]
            for (key, text) in foreign {
                _ = try await engine.put(
                    RegistryWrite(Array(text.utf8), for: try LeaseName(key)), in: "service/orders")
            }
            let snapshot = try await registry.instances(of: "orders")
            #expect(snapshot.instances.map(\.id) == ["b", "orders-1"])
            #expect(snapshot.instances.first == ServiceInstance(id: "b", address: "h", port: 1))
            #expect(snapshot.unreadable == ["c", "d"])
            await registration.deregister()
        }
    }

    @Test func aChangeOfHealthIsSeenByWhoeverWatches() throws {
        try Simulation(seed: 3).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let registration = try await Process(simulation).registry(on: engine).register(Self.orders, as: "orders")
            let seen = Mutex<[String]>([])
            let watching = simulation.spawn {
                for try await snapshot in Process(simulation).registry(on: engine).watch("orders") {
                    seen.withLock { $0.append(snapshot.instances.first?.health.rawValue ?? "none") }
                }
            }
            try await simulation.clock.sleep(for: .seconds(100))
            try await registration.update { $0.health = .draining }
            #expect(registration.instance.health == .draining)
            try await simulation.clock.sleep(for: .seconds(1))
            await registration.deregister()
            try await simulation.clock.sleep(for: .seconds(1))
            watching.cancel()
            try await watching.value
            #expect(seen.withLock { $0 } == ["healthy", "draining", "none"], "renewals are no changes")
            let error = await #expect(throws: CoordinationError.self) {
                try await registration.update { $0.health = .healthy }
            }
            #expect(error?.code == .invalidRequest)
        }
    }

    @Test func aRegistrationComesBackAfterAnOutageAndAfterTheStoreHasLostIt() throws {
        try Simulation(seed: 4).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyEngine(base, clock: simulation.clock)
            let registration = try await Process(simulation).registry(on: engine).register(Self.orders, as: "orders")
            try await base.removeRecord("orders-1", from: "service/orders", if: .always)
            try await simulation.clock.sleep(for: .seconds(11))
            #expect(try await base.snapshot(of: "service/orders").records.count == 1, "a third of the duration later")

            engine.cut()
            try await simulation.clock.sleep(for: .seconds(60))
            #expect(!registration.isRegistered)
            #expect(try await base.snapshot(of: "service/orders").records.isEmpty, "it has run out")
            engine.heal()
            try await simulation.clock.sleep(for: .seconds(6))
            #expect(registration.isRegistered)
            #expect(try await base.snapshot(of: "service/orders").records.count == 1)
            await registration.deregister()
            #expect(try await registration.waitUntilEnded().isDeregistered)
        }
    }

    @Test func theLaterOfTwoWithOneIdWinsAndTheEarlierLearnsOfIt() throws {
        try Simulation(seed: 5).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let old = try await Process(simulation).registry(on: engine).register(Self.orders, as: "orders")
            var moved = Self.orders
            moved.address = "10.0.0.8"
            let instance = moved
            let new = try await Process(simulation).registry(on: engine).register(instance, as: "orders")
            guard case .replaced = try await old.waitUntilEnded() else {
                Issue.record("the earlier one was not replaced")
                return
            }
            #expect(!old.isRegistered)
            await old.deregister()
            try await simulation.clock.sleep(for: .seconds(100))
            #expect(try await Process(simulation).registry(on: engine).instances(of: "orders").instances == [instance])
            await new.deregister()
        }
    }

    @Test func aWatchGoesOnThroughAnOutageWithTheLastList() throws {
        try Simulation(seed: 6).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyEngine(base, clock: simulation.clock)
            let registration = try await Process(simulation).registry(on: base).register(Self.orders, as: "orders")
            let seen = Mutex<[ServiceSnapshot]>([])
            let watching = simulation.spawn {
                for try await snapshot in Process(simulation).registry(on: engine).watch("orders") {
                    seen.withLock { $0.append(snapshot) }
                }
            }
            try await simulation.clock.sleep(for: .seconds(10))
            let cut = simulation.clock.now
            engine.cut()
            try await registration.update { $0.weight = 7 }
            try await simulation.clock.sleep(for: .seconds(100))
            let calls = engine.count(of: .snapshot)
            #expect(calls < 100, "an engine that is away is not asked without a pause")
            engine.heal()
            try await simulation.clock.sleep(for: .seconds(6))
            watching.cancel()
            try await watching.value
            let all = seen.withLock { $0 }
            #expect(all.map { $0.instances.first?.weight } == [1, 1, 7])
            #expect(all.first?.freshness == .current && all.last?.freshness == .current)
            guard all.count == 3, case .stale(let since?) = all[1].freshness else {
                Issue.record("the list was not marked as stale")
                return
            }
            #expect(since <= cut)
            await registration.deregister()
        }
    }

    @Test func aWatchThatBeginsDuringAnOutageSaysThatItKnowsNothing() throws {
        try Simulation(seed: 7).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyEngine(base, clock: simulation.clock, plan: { _, _ in .hangBefore })
            var iterator = Process(simulation).registry(on: engine).watch("orders").makeAsyncIterator()
            let first = try #require(try await iterator.next())
            #expect(first.instances.isEmpty)
            #expect(first.freshness == .stale(since: nil))
            engine.heal()
            let second = try #require(try await iterator.next())
            #expect(second.freshness == .current)
        }
    }

    @Test func whatIsNotPossibleIsRefusedAndAnEngineThatIsAwayIsGivenUp() throws {
        try Simulation(seed: 8).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyEngine(base, clock: simulation.clock)
            let registry = Process(simulation).registry(on: engine)
            for instance in [
                ServiceInstance(id: "a", address: "h", port: 65_536), ServiceInstance(id: "a", address: "", port: 1),
                ServiceInstance(id: "a", address: "h", port: 1, weight: -1),
                ServiceInstance(id: "a", address: "h", port: 1, metadata: ["x": String(repeating: "y", count: 70_000)]),
            ] {
                let error = await #expect(throws: CoordinationError.self) {
                    try await registry.register(instance, as: "orders")
                }
                #expect(error?.code == .invalidRequest)
            }
            engine.cut()
            let start = simulation.clock.now
            let error = await #expect(throws: CoordinationError.self) {
                try await registry.register(Self.orders, as: "orders", waiting: .seconds(20))
            }
            #expect(error?.code == .unavailable)
            #expect(start.duration(to: simulation.clock.now) <= .seconds(25))
            engine.heal()
            try await simulation.clock.sleep(for: .seconds(60))
            #expect(try await base.snapshot(of: "service/orders").records.isEmpty, "nothing comes later")
        }
    }

    /// Faults of every kind, then none: in the end each registration that was not ended is listed, and no other.
    @Test(arguments: Seed(rawValue: 0x5E2).followed(by: 50))
    func afterTheFaultsTheListIsTrue(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            var engines: [FaultyEngine] = []
            var tasks: [Task<Registration?, any Error>] = []
            for number in 0..<6 {
                let engine = FaultyEngine(
                    base, clock: simulation.clock, seed: seed.derived(for: "faults \(number)"),
                    plan: { LeaseFault.drawn(rarity: 3, longest: .seconds(20), using: &$1) })
                engines.append(engine)
                let registry = Process(simulation).registry(on: engine, duration: .seconds(10))
                tasks.append(
                    simulation.spawn {
                        let instance = ServiceInstance(id: try LeaseName("i-\(number)"), address: "h", port: number)
                        let registration = try await registry.register(instance, as: "orders", waiting: .seconds(600))
                        for weight in 1...5 {
                            try await simulation.clock.sleep(for: .seconds(7))
                            try? await registration.update(waiting: .seconds(1)) { $0.weight = weight * 10 }
                        }
                        if number.isMultiple(of: 2) { return registration }
                        await registration.deregister()
                        return nil
                    })
            }
            var registrations: [Registration] = []
            for task in tasks { if let registration = try await task.value { registrations.append(registration) } }
            engines.forEach { $0.heal() }
            try await simulation.clock.sleep(for: .seconds(30))
            let listed = try await Process(simulation).registry(on: base).instances(of: "orders").instances
            #expect(listed.map(\.port) == [0, 2, 4], "seed \(seed)")
            #expect(listed.allSatisfy { $0.weight == 50 }, "seed \(seed): the newest change is there")
            #expect(registrations.allSatisfy { $0.isRegistered })
            for registration in registrations { await registration.deregister() }
        }
    }
}

extension Registration.End {
    fileprivate var isDeregistered: Bool { if case .deregistered = self { true } else { false } }
}
