import ColonyCoordination
import ColonyCore
import ColonySQLite
import ColonySimulation
import Testing

@Suite("Registries in a file", .timeLimit(.minutes(5)))
struct RegistryStoreTests {
    private static func write(_ key: LeaseName, for duration: Duration? = nil) -> RegistryWrite {
        RegistryWrite([1], for: key, lifetime: duration.map { .ephemeral(owner: "a", duration: $0) } ?? .permanent)
    }

    @Test func `a restart of the host ends ephemeral records, keeps the others, and is a change`() async throws {
        let folder = try TemporaryFolder()
        var seen: [RegistryRevision] = []
        for boot in 1...3 {
            let clock = ManualClock(now: MonotonicInstant(nanoseconds: Int64(1_000_000_000 / boot)))
            let engine = SimulatedHost(path: folder.store, clock: clock, boot: BootIdentity("boot-\(boot)")).process()
            for (group, keys) in [("mixed", ["permanent"]), ("permanent", ["a"]), ("ephemeral", [])] {
                let snapshot = try await engine.snapshot(of: LeaseName(group))
                #expect(snapshot.records.map(\.key.rawValue) == (boot == 1 ? [] : keys))
            }
            if seen.count == 3 {
                for (group, revision) in zip(["mixed", "ephemeral"] as [LeaseName], seen) {
                    #expect(try await engine.waitForChange(in: group, since: revision, upTo: .seconds(600)))
                    #expect(try await engine.snapshot(of: group).revision > revision)
                }
                #expect(try await engine.snapshot(of: "permanent").revision == seen[2])
            }
            _ = try await engine.put(Self.write("permanent"), in: "mixed")
            _ = try await engine.put(Self.write("owned", for: .seconds(600)), in: "mixed")
            _ = try await engine.put(Self.write("owned", for: .seconds(600)), in: "ephemeral")
            if boot == 1 { _ = try await engine.put(Self.write("a"), in: "permanent") }
            seen = []
            for group in ["mixed", "ephemeral", "permanent"] as [LeaseName] {
                seen.append(try await engine.snapshot(of: group).revision)
            }
            await engine.close()
        }
    }

    @Test func `rows of what has run out do not pile up, nor do empty groups`() async throws {
        let folder = try TemporaryFolder(inMemory: true)
        let clock = ManualClock()
        let engine = SimulatedHost(path: folder.store, clock: clock).process()
        for round in 0..<40 {
            for number in 0..<10 {
                let group = try LeaseName("group-\(round)-\(number)")
                _ = try await engine.put(Self.write("a", for: .seconds(5)), in: group)
                _ = try await engine.put(Self.write("b", for: .seconds(5)), in: group)
            }
            clock.advance(by: .seconds(6))
        }
        #expect(try await engine.count(Self.countRecords) <= 40)
        #expect(try await engine.count(Self.countGroups) <= 20)
        await engine.close()
    }

    @Test func `what is removed leaves no row`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
        for key in ["a", "b"] as [LeaseName] { _ = try await engine.put(Self.write(key), in: "group") }
        for key in ["a", "b"] as [LeaseName] {
            #expect(try await engine.removeRecord(key, from: "group", if: .always))
        }
        #expect(try await engine.count(Self.countRecords) == 0)
        #expect(try await engine.count(Self.countGroups) == 0)
        await engine.close()
    }

    @Test func `a write is seen at once in another process`() async throws {
        let folder = try TemporaryFolder()
        let host = SimulatedHost(path: folder.store, clock: HostClock())
        let (first, second) = (host.process(), host.process())
        var fastest = Duration.seconds(60)
        // The slow look would take a second each time; one stall of a busy disk proves nothing.
        for _ in 0..<8 where fastest >= .milliseconds(800) {
            let revision = try await second.snapshot(of: "group").revision
            async let change = second.waitForChange(in: "group", since: revision, upTo: .seconds(60))
            try await eventually("the other process waits") { try second.registryWaiters == 1 }
            let start = HostClock().now
            _ = try await first.put(Self.write("a"), in: "group")
            #expect(try await change)
            fastest = min(fastest, start.duration(to: HostClock().now))
        }
        #expect(fastest < .milliseconds(800))
        await first.close()
        await second.close()
    }

    @Test func `what was acknowledged before a kill in the middle of commits is there`() async throws {
        let folder = try TemporaryFolder()
        var names: Set<String> = []
        var last: UInt64 = 0
        for round in 0..<3 {
            let victim = try Probe("blocks", folder.store, "victim-\(round)")
            try await eventually("it has held something", within: .seconds(45)) { victim.lines.count >= 50 }
            try await victim.killNow()
            let engine = SQLiteLeaseEngine.sqlite(path: folder.store)
            var highest = last
            for line in victim.lines {
                let parts = line.split(separator: " ")
                guard parts.count == 3, let token = UInt64(parts[1]), let version = UInt64(parts[2]) else { continue }
                let name = try LeaseName(String(parts[0]))
                #expect(names.insert(name.rawValue).inserted)
                #expect(token > last && version > last, "a number of an earlier round was given again")
                highest = max(highest, token, version)
                let permits = try await engine.inspectPermits(name)
                #expect(permits.holders.map(\.token.rawValue) == [token] && permits.held == 2)
                let record = try await engine.snapshot(of: name)["key"]
                #expect(record?.version.rawValue == version && record?.value == Array(name.rawValue.utf8))
            }
            last = highest
            await engine.close()
        }
        #expect(names.count >= 150)
    }

    private static let countRecords = SQL("SELECT count(*) FROM registry_record")
    private static let countGroups = SQL("SELECT count(*) FROM registry_group")
}
