#if Postgres
import ColonyCoordination
import ColonyCore
import ColonyPostgres
import Foundation
import Synchronization
import Testing

@Suite(
    "The registry on PostgreSQL", .enabled(if: PostgresProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct PostgresRegistryTests {
    private static func written(_ answer: RegistryAnswer) throws -> RegistryRecord {
        guard case .written(let record) = answer else { throw Disappointment(description: "not written: \(answer)") }
        return record
    }

    @Test func `records are written under conditions, read, and removed`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let empty = try await engine.snapshot(of: "settings")
        #expect(empty.records.isEmpty)
        let bytes = (0...255).map { UInt8($0) }
        let first = try Self.written(try await engine.put(RegistryWrite(bytes, for: "b", if: .absent), in: "settings"))
        guard
            case .conflict(let there?) = try await other.put(RegistryWrite([1], for: "b", if: .absent), in: "settings")
        else {
            Issue.record("a record was written over one that had to be absent")
            return
        }
        #expect(there == first && there.value == bytes && there.owner == nil)
        let next = try Self.written(
            try await other.put(RegistryWrite([], for: "b", if: .version(first.version)), in: "settings"))
        #expect(next.version > first.version)
        let stale = try await engine.put(RegistryWrite([3], for: "b", if: .version(first.version)), in: "settings")
        #expect(stale == .conflict(next))
        #expect(
            try await engine.put(RegistryWrite([3], for: "x", if: .version(first.version)), in: "settings")
                == .conflict(nil))
        let owner = OwnerID.unique()
        let mine = RegistryWrite(
            [9], for: "a", lifetime: .ephemeral(owner: owner, duration: .seconds(600)), if: .owner(owner))
        #expect(try Self.written(try await engine.put(mine, in: "settings")).owner == owner)
        #expect(try Self.written(try await other.put(mine, in: "settings")).owner == owner)
        let foreign = try await other.put(RegistryWrite([8], for: "a", if: .owner(.unique())), in: "settings")
        guard case .conflict(let record?) = foreign else {
            Issue.record("the record of another owner was overwritten")
            return
        }
        #expect(record.owner == owner)
        let snapshot = try await other.snapshot(of: "settings")
        #expect(snapshot.records.map(\.key) == ["a", "b"])
        #expect(snapshot["b"]?.value == [])
        #expect(snapshot.revision > empty.revision)
        #expect(try await engine.removeRecord("b", from: "settings", if: .version(first.version)) == false)
        #expect(try await engine.removeRecord("b", from: "settings", if: .version(next.version)))
        #expect(try await engine.removeRecord("b", from: "settings", if: .always) == false)
        let reborn = try Self.written(try await engine.put(RegistryWrite([7], for: "b"), in: "settings"))
        #expect(reborn.version > next.version)
        await engine.close()
        await other.close()
    }

    @Test func `a record that is not renewed runs out, which is a change that ends a wait`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let owner = OwnerID.unique()
        let write = RegistryWrite([1], for: "a", lifetime: .ephemeral(owner: owner, duration: .seconds(4)))
        _ = try Self.written(try await engine.put(write, in: "services"))
        #expect(try await engine.renewRecord("a", in: "services", owner: owner, for: .seconds(5)))
        #expect(try await engine.renewRecord("a", in: "services", owner: .unique(), for: .seconds(9)) == false)
        let snapshot = try await other.snapshot(of: "services")
        #expect(snapshot.records.count == 1)
        var seen = snapshot
        while !seen.records.isEmpty {
            #expect(try await other.waitForChange(in: "services", since: seen.revision, upTo: .seconds(40)))
            seen = try await other.snapshot(of: "services")
        }
        #expect(seen.revision > snapshot.revision)
        #expect(try await engine.renewRecord("a", in: "services", owner: owner, for: .seconds(9)) == false)
        await engine.close()
        await other.close()
    }

    @Test func `a change of another client ends a wait, a renewal does not`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let owner = OwnerID.unique()
        let write = RegistryWrite([1], for: "a", lifetime: .ephemeral(owner: owner, duration: .seconds(600)))
        _ = try Self.written(try await engine.put(write, in: "services"))
        let snapshot = try await other.snapshot(of: "services")
        let wait = Task {
            try await other.waitForChange(in: "services", since: snapshot.revision, upTo: .seconds(120))
        }
        try await eventually("it waits") { try server.psql("SELECT count(*) FROM colony.registry_watch") == "1" }
        #expect(try await engine.renewRecord("a", in: "services", owner: owner, for: .seconds(700)))
        #expect(
            try await other.waitForChange(in: "services", since: snapshot.revision, upTo: .milliseconds(300)) == false)
        _ = try Self.written(try await engine.put(RegistryWrite([1], for: "z"), in: "others"))
        _ = try Self.written(try await engine.put(RegistryWrite([2], for: "b"), in: "services"))
        #expect(try await wait.value)
        #expect(try await other.snapshot(of: "services").records.count == 2)
        // What happened before the wait ends it at once.
        #expect(try await other.waitForChange(in: "services", since: snapshot.revision, upTo: .seconds(600)))
        await engine.close()
        await other.close()
    }

    @Test func `a reader misses no write, also if it is committed late`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        _ = try await engine.snapshot(of: "log")
        // Somebody draws the number of a change and takes two seconds to commit it, while others write.
        let slow = server.psqlProcess([
            "-c",
            """
            BEGIN; SELECT colony.put_record('log', 'slow', '\\x01', NULL, NULL, 4096, 'always', NULL, NULL);
            SELECT pg_sleep(2); COMMIT
            """,
        ])
        slow.standardOutput = FileHandle.nullDevice
        try slow.run()
        try await eventually("it is under way") {
            try server.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1"
        }
        let writer = Task {
            for number in 0..<20 {
                _ = try await engine.put(RegistryWrite([2], for: LeaseName("fast-\(number)")), in: "log")
            }
        }
        var snapshot = try await engine.snapshot(of: "log")
        var revisions = [snapshot.revision]
        while snapshot.records.count < 21 {
            try #require(try await engine.waitForChange(in: "log", since: snapshot.revision, upTo: .seconds(40)))
            let next = try await engine.snapshot(of: "log")
            // A number that was seen stands for one state and no other.
            if next.revision == snapshot.revision { #expect(next == snapshot) }
            #expect(next.revision >= snapshot.revision)
            snapshot = next
            revisions.append(next.revision)
        }
        try await writer.value
        slow.waitUntilExit()
        #expect(slow.terminationStatus == 0)
        #expect(snapshot["slow"] != nil)
        await engine.close()
    }

    @Test func `what is too large or too many is refused`() async throws {
        let server = try await PostgresProcess()
        let engine = try server.engine()
        let most = [UInt8](repeating: 7, count: RegistryLimits.value)
        #expect(try Self.written(try await engine.put(RegistryWrite(most, for: "a"), in: "g")).value == most)
        #expect(try await engine.snapshot(of: "g")["a"]?.value == most)
        let large = try await leaseError { try await engine.put(RegistryWrite(most + [1], for: "a"), in: "g") }
        #expect(large?.code == .invalidRequest)
        try server.psql(
            """
            INSERT INTO colony.registry_record (group_name, key, value, version)
            SELECT 'g', 'k' || n, '', n FROM generate_series(1, \(RegistryLimits.records - 1)) n
            """)
        let full = try await leaseError { try await engine.put(RegistryWrite([1], for: "b"), in: "g") }
        #expect(full?.code == .invalidRequest)
        _ = try Self.written(try await engine.put(RegistryWrite([1], for: "a"), in: "g"))
        await engine.close()
    }
}
#endif
