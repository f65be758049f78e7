import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization
import Testing

extension Process {
    func readWriteLock(
        _ name: LeaseName, on engine: some PermitEngine, readers: Int = ReadWriteLock.defaultReaders,
        preference: ReadWriteLock.Preference = .writers, _ configuration: LockConfiguration = LockConfiguration()
    ) -> ReadWriteLock {
        ReadWriteLock(
            name, on: engine, readers: readers, preference: preference, configuration: configuration,
            keeper: self.keeper, room: self.room)
    }
}

@Suite struct ReadWriteLockTests {
    @Test func readersShareAndAWriterIsAlone() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).readWriteLock("catalogue", on: engine)
            try await lock.withReadLock { first in
                try await lock.withReadLock { second in
                    #expect(second.token > first.token)
                    let writer = try await lock.acquireWrite(waiting: .zero)
                    #expect(writer == nil)
                }
            }
            try await lock.withWriteLock { _ in
                let reader = try await lock.acquireRead(waiting: .zero)
                let writer = try await lock.acquireWrite(waiting: .zero)
                #expect(reader == nil && writer == nil)
                #expect(try await lock.inspect().held == ReadWriteLock.defaultReaders)
            }
            #expect(try await lock.inspect().held == 0)
        }
    }

    /// A reader reads, a writer comes, then a second reader comes: who gets in while the first still reads?
    @Test(
        arguments: [ReadWriteLock.Preference.writers, .fair, .readers], [false, true]
    )
    func thePreferenceDecidesWhetherAReaderPassesAWriterThatWaits(
        preference: ReadWriteLock.Preference, inOneProcess: Bool
    ) throws {
        try Simulation(seed: 2).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let first = Process(simulation)
            let second = inOneProcess ? first : Process(simulation)
            let lock = first.readWriteLock("catalogue", on: engine, preference: preference)
            let other = second.readWriteLock("catalogue", on: engine, preference: preference)
            let reading = try #require(try await lock.acquireRead())
            let writing = simulation.spawn { try await lock.acquireWrite() }
            // Longer than a claim lasts, so that it must have been repeated.
            try await simulation.clock.sleep(for: .seconds(12))
            let late = try await other.acquireRead(waiting: .seconds(5))
            #expect((late != nil) == (preference == .readers))
            try await late?.release()
            try await reading.release()
            let writer = try #require(try await writing.value)
            #expect(writer.permits == ReadWriteLock.defaultReaders)
            try await writer.release()
            #expect(try await lock.inspect().claims.isEmpty)
        }
    }

    @Test func fairTurnsLetReadersInBetweenWriters() throws {
        try Simulation(seed: 3).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).readWriteLock("catalogue", on: engine, preference: .fair)
            let other = Process(simulation).readWriteLock("catalogue", on: engine, preference: .fair)
            let held = try #require(try await lock.acquireWrite())
            let story = Mutex<[String]>([])
            var tasks: [Task<Void, any Error>] = []
            for turn in 0..<4 {
                tasks.append(
                    simulation.spawn {
                        let what = turn.isMultiple(of: 2) ? "read" : "write"
                        let lock = turn < 2 ? lock : other
                        let body: @Sendable (Lease) async throws -> Void = { _ in
                            story.withLock { $0.append("\(what) \(turn)") }
                            try await simulation.clock.sleep(for: .seconds(1))
                        }
                        if what == "read" {
                            try await lock.withReadLock(body)
                        } else {
                            try await lock.withWriteLock(body)
                        }
                    })
                try await simulation.clock.sleep(for: .seconds(1))
            }
            try await held.release()
            for task in tasks { try await task.value }
            // Each process sends one contender at a time, so the turns of two processes alternate.
            #expect(story.withLock { $0.first } == "read 0")
            #expect(story.withLock { Set($0).count } == 4)
        }
    }

    @Test func anUpgradeIsRefusedWithWhatToDo() throws {
        try Simulation(seed: 4).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).readWriteLock("catalogue", on: engine)
            let owner = LockOwner()
            try await lock.withReadLock(as: owner) { _ in
                let error = await #expect(throws: CoordinationError.self) {
                    try await lock.withWriteLock(as: owner) { _ in Issue.record("the body must not run") }
                }
                #expect(error?.code == .upgradeRefused)
                #expect(error?.message.contains("release the read lock") == true)
                try await lock.withReadLock(as: owner) { _ in }
                #expect(try await lock.inspect().holders.count == 1, "reading again under one owner is one hold")
            }
            #expect(simulation.elapsed == .zero, "nobody waited")
            try await lock.withWriteLock(as: owner) { outer in
                try await lock.withReadLock(as: owner) { inner in #expect(inner.token == outer.token) }
                #expect(try await lock.acquireRead(waiting: .zero) == nil, "the end of the inner hold keeps the lock")
            }
            #expect(try await lock.inspect().held == 0)
        }
    }

    @Test func oneReaderTooManyWaits() throws {
        try Simulation(seed: 5).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let lock = Process(simulation).readWriteLock("catalogue", on: engine, readers: 2)
            let first = try #require(try await lock.acquireRead())
            let second = try #require(try await lock.acquireRead())
            #expect(try await lock.acquireRead(waiting: .seconds(1)) == nil)
            try await first.release()
            let third = try #require(try await lock.acquireRead(waiting: .zero))
            try await second.release()
            try await third.release()
        }
    }

    @Test(arguments: [false, true])
    func aLossCancelsTheBody(writing: Bool) throws {
        try Simulation(seed: 6).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyEngine(base, clock: simulation.clock)
            let lock = Process(simulation).readWriteLock("catalogue", on: engine)
            let body: @Sendable (Lease) async throws -> Void = { _ in
                engine.follow { _, _ in .hangBefore }
                try await simulation.clock.sleep(for: .seconds(1_000))
            }
            let work = simulation.spawn {
                if writing {
                    try await lock.withWriteLock(body)
                } else {
                    try await lock.withReadLock(body)
                }
            }
            let error = await #expect(throws: CoordinationError.self) { try await work.value }
            #expect(error?.code == .leaseLost)
            #expect(simulation.elapsed < .seconds(30), "before the store gives it to anybody else")
        }
    }

    /// Any mix of readers and writers in several processes under faults: by belief and by the store, a writer is alone.
    @Test(arguments: Seed(rawValue: 0x8EAD).followed(by: 150))
    func aWriterIsAloneUnderFaults(seed: Seed) throws {
        try Simulation(seed: seed).run { simulation in
            var world = simulation.generator(for: "world")
            let preference = [ReadWriteLock.Preference.writers, .fair, .readers].randomElement(using: &world) ?? .fair
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let believers = Mutex<[HeldLock]>([])
            let writes = Mutex(0)
            var tasks: [Task<Void, any Error>] = []
            for process in 0..<3 {
                let engine = FaultyEngine(
                    base, clock: simulation.clock, seed: seed.derived(for: "faults \(process)"),
                    plan: {
                        LeaseFault.drawn(rarity: $0 == .waitForPermits ? 20 : 8, longest: .seconds(20), using: &$1)
                    })
                let lock = Process(simulation).readWriteLock(
                    "catalogue", on: engine, readers: 10, preference: preference,
                    LockConfiguration(duration: .seconds(10)))
                for task in 0..<3 {
                    var generator = simulation.generator(for: "task \(process) \(task)")
                    let rounds = (0..<3).map { _ in
                        (
                            Int.random(in: 0..<3, using: &generator) == 0,
                            Duration.milliseconds(Int.random(in: 1...8_000, using: &generator))
                        )
                    }
                    tasks.append(
                        simulation.spawn {
                            for (isWriting, length) in rounds {
                                let answer =
                                    isWriting ? try? await lock.acquireWrite() : try? await lock.acquireRead()
                                guard let held = answer else { continue }
                                if isWriting { writes.withLock { $0 += 1 } }
                                believers.withLock { $0.append(held) }
                                try await simulation.clock.sleep(for: length)
                                believers.withLock { all in all.removeAll { $0 === held } }
                                _ = try? await held.release()
                            }
                        })
                }
            }
            let audit = simulation.spawn {
                while !Task.isCancelled {
                    let believed = believers.withLock { all in all.filter { $0.isHeld } }
                    let hasWriter = believed.contains { $0.permits == 10 }
                    #expect(!hasWriter || believed.count == 1, "seed \(seed)")
                    #expect(try await base.inspectPermits("catalogue").held <= 10, "seed \(seed)")
                    try await simulation.clock.sleep(for: .milliseconds(237))
                }
            }
            for task in tasks { try await task.value }
            audit.cancel()
            _ = await audit.result
            let last = try await Process(simulation).readWriteLock("catalogue", on: base, readers: 10)
                .acquireWrite(waiting: .seconds(25))
            try await #require(last).release()
        }
    }
}
