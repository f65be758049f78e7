import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Foundation
import Synchronization
import Testing

@Suite struct ConfigurationWatchTests {
    struct Limit: Codable, Hashable, Sendable {
        var perSecond: Int
    }

    /// A folder that is gone after the test.
    final class Folder: Sendable {
        let path: String

        init() throws {
            self.path = NSTemporaryDirectory() + "colony-configuration-\(UUID().uuidString)"
            try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
        }

        var file: String { "\(self.path)/limits.json" }
        var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: self.path)) ?? [] }

        deinit { try? FileManager.default.removeItem(atPath: self.path) }
    }

    private static func watch(
        _ simulation: Simulation, _ engine: some RegistryEngine, keys: Set<LeaseName>? = nil, file: String? = nil
    ) -> ConfigurationWatch<Limit> {
        ConfigurationWatch(
            "limits", on: engine, keys: keys, file: file, room: Process(simulation).room,
            wallClock: simulation.wallClock, fileExecutor: simulation.executor)
    }

    private static func put(_ text: String, for key: LeaseName, in engine: some RegistryEngine) async throws {
        _ = try await engine.put(RegistryWrite(Array(text.utf8), for: key), in: "limits")
    }

    @Test func eachChangeIsDecodedAndToldToAllReaders() throws {
        try Simulation(seed: 1).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let watch = Self.watch(simulation, engine, keys: ["a", "b"])
            #expect(watch.current == nil)
            let none = await #expect(throws: CoordinationError.self) { try await watch.first(upTo: .seconds(1)) }
            #expect(none?.code == .timedOut)
            try await Self.put(#"{"perSecond":1}"#, for: "a", in: engine)
            try await Self.put("not watched", for: "z", in: engine)
            let running = simulation.spawn { try await watch.run() }
            let seen = Mutex<[[Int]]>([])
            let readers = (0..<2).map { _ in
                simulation.spawn {
                    for try await snapshot in watch.values() {
                        seen.withLock { $0.append(snapshot.values.sorted { $0.key < $1.key }.map(\.value.perSecond)) }
                    }
                }
            }
            let first = try await watch.first(upTo: .seconds(1))
            #expect(first["a"] == Limit(perSecond: 1))
            #expect(first.source == .engine && first.freshness == .current && first.defects.isEmpty)
            try await simulation.clock.sleep(for: .seconds(1))
            try await Self.put(#"{"perSecond":2}"#, for: "b", in: engine)
            try await simulation.clock.sleep(for: .seconds(1))
            try await engine.removeRecord("a", from: "limits", if: .always)
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(watch.current?.values == ["b": Limit(perSecond: 2)], "what was removed is gone")
            let second = await #expect(throws: CoordinationError.self) { try await watch.run() }
            #expect(second?.code == .ownerBusy)
            running.cancel()
            let end = await #expect(throws: CoordinationError.self) { try await running.value }
            #expect(end?.code == .cancelled)
            for reader in readers { try await reader.value }
            #expect(seen.withLock { $0 } == [[1], [1], [1, 2], [1, 2], [2], [2]])
        }
    }

    @Test func aValueThatDoesNotDecodeIsReportedAndTheLastGoodStays() throws {
        try Simulation(seed: 2).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let reports = Mutex<[LeaseName]>([])
            let watch = ConfigurationWatch<Limit>(
                "limits", on: engine, room: Process(simulation).room,
                onEvent: { event in
                    if case .undecodable(let key, _) = event { reports.withLock { $0.append(key) } }
                })
            try await Self.put(#"{"perSecond":1}"#, for: "a", in: engine)
            let running = simulation.spawn { try await watch.run() }
            _ = try await watch.first(upTo: .seconds(1))
            try await Self.put(#"{"perSecond":"many"}"#, for: "a", in: engine)
            try await Self.put("?", for: "b", in: engine)
            try await simulation.clock.sleep(for: .seconds(100))
            let current = try #require(watch.current)
            #expect(current.values == ["a": Limit(perSecond: 1)])
            #expect(Set(current.defects.keys) == ["a", "b"])
            #expect(reports.withLock { $0.sorted() } == ["a", "b"], "each once")
            try await Self.put(#"{"perSecond":3}"#, for: "a", in: engine)
            try await engine.removeRecord("b", from: "limits", if: .always)
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(watch.current?.values == ["a": Limit(perSecond: 3)])
            #expect(watch.current?.defects.isEmpty == true)
            running.cancel()
            _ = await running.result
        }
    }

    @Test func aStartWhileTheEngineIsAwayUsesTheFileAndTellsItsAge() throws {
        let folder = try Folder()
        try Simulation(seed: 3).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyEngine(base, clock: simulation.clock)
            try await Self.put(#"{"perSecond":1}"#, for: "a", in: base)
            let first = Self.watch(simulation, engine, file: folder.file)
            let running = simulation.spawn { try await first.run() }
            _ = try await first.first(upTo: .seconds(1))
            try await Self.put(#"{"perSecond":2}"#, for: "a", in: base)
            try await Self.put("bad", for: "b", in: base)
            try await simulation.clock.sleep(for: .seconds(10))
            engine.cut()
            try await simulation.clock.sleep(for: .seconds(100))
            #expect(first.current?["a"] == Limit(perSecond: 2))
            guard case .stale(_?) = first.current?.freshness else {
                Issue.record("the snapshot was not marked as stale")
                return
            }
            running.cancel()
            _ = await running.result
            #expect(folder.names == ["limits.json"], "nothing else is left in the folder")

            simulation.wallClock.step(by: .seconds(3_600))
            let second = Self.watch(simulation, engine, file: folder.file)
            let again = simulation.spawn { try await second.run() }
            let restored = try await second.first(upTo: .seconds(10))
            #expect(restored.values == ["a": Limit(perSecond: 2)])
            guard case .file(_, let age) = restored.source else {
                Issue.record("the values did not come from the file")
                return
            }
            #expect(age >= .seconds(3_600) && age < .seconds(3_800))
            #expect(restored.freshness == .stale(since: nil))
            engine.heal()
            try await simulation.clock.sleep(for: .seconds(10))
            #expect(second.current?.source == .engine)
            #expect(second.current?.freshness == .current)
            again.cancel()
            _ = await again.result
        }
    }

    @Test func theLastGoodValueOfAKeyOutlivesARestartWhenTheNewestIsBad() throws {
        let folder = try Folder()
        try Simulation(seed: 4).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            try await Self.put(#"{"perSecond":1}"#, for: "a", in: engine)
            for round in 0..<2 {
                let watch = Self.watch(simulation, engine, file: folder.file)
                let running = simulation.spawn { try await watch.run() }
                let first = try await watch.first(upTo: .seconds(1))
                #expect(first.values == ["a": Limit(perSecond: 1)])
                #expect(first.defects.isEmpty == (round == 0))
                try await Self.put("bad", for: "a", in: engine)
                try await simulation.clock.sleep(for: .seconds(1))
                running.cancel()
                _ = await running.result
            }
        }
    }

    @Test(arguments: [
        "", "{", #"{"format":9,"group":"limits","saved_at_ms":0,"values":{}}"#,
        #"{"format":1,"group":"others","saved_at_ms":0,"values":{}}"#,
    ])
    func aFileThatIsNoneOfOursIsReportedAndLeftOut(content: String) throws {
        let folder = try Folder()
        try Data(content.utf8).write(to: URL(fileURLWithPath: folder.file))
        try Simulation(seed: 5).run { simulation in
            let base = MemoryLeaseEngine(clock: simulation.clock)
            let engine = FaultyEngine(base, clock: simulation.clock, plan: { _, _ in .errorBefore })
            let reports = Mutex(0)
            let watch = ConfigurationWatch<Limit>(
                "limits", on: engine, file: folder.file, room: Process(simulation).room,
                wallClock: simulation.wallClock, fileExecutor: simulation.executor,
                onEvent: { event in if case .notRestored = event { reports.withLock { $0 += 1 } } })
            let running = simulation.spawn { try await watch.run() }
            let error = await #expect(throws: CoordinationError.self) { try await watch.first(upTo: .seconds(30)) }
            #expect(error?.code == .timedOut)
            #expect(reports.withLock { $0 } == 1)
            try await Self.put(#"{"perSecond":1}"#, for: "a", in: base)
            engine.heal()
            _ = try await watch.first(upTo: .seconds(30))
            try await simulation.clock.sleep(for: .seconds(1))
            let saved = String(decoding: try Data(contentsOf: URL(fileURLWithPath: folder.file)), as: UTF8.self)
            #expect(saved.contains(#""group":"limits""#), "the file is made anew")
            running.cancel()
            _ = await running.result
        }
    }

    @Test func aFolderThatIsNotThereIsReportedAndTheWatchGoesOn() throws {
        try Simulation(seed: 6).run { simulation in
            let engine = MemoryLeaseEngine(clock: simulation.clock)
            let reasons = Mutex<[String]>([])
            let watch = ConfigurationWatch<Limit>(
                "limits", on: engine, file: "/nowhere/at/all/limits.json", room: Process(simulation).room,
                fileExecutor: simulation.executor,
                onEvent: { event in
                    if case .notSaved(let reason) = event { reasons.withLock { $0.append(reason) } }
                })
            try await Self.put(#"{"perSecond":1}"#, for: "a", in: engine)
            let running = simulation.spawn { try await watch.run() }
            #expect(try await watch.first(upTo: .seconds(1))["a"] == Limit(perSecond: 1))
            try await simulation.clock.sleep(for: .seconds(1))
            #expect(reasons.withLock { $0.first?.contains("/nowhere/at/all/limits.json") } == true)
            running.cancel()
            _ = await running.result
        }
    }
}
