#if ZooKeeper
import ColonyCoordination
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite("Records on ZooKeeper", .enabled(if: ZooKeeperProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct ZooKeeperRecordTests {
    private static let suffix = "/colony?session_timeout_ms=60000&timeout_ms=20000"

    @Test func `records are written on condition, read as one, and end with their time`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let empty = try await engine.snapshot(of: "services")
        #expect(empty.records.isEmpty)
        let change = Task { try await other.waitForChange(in: "services", since: empty.revision, upTo: .seconds(40)) }
        guard case .written(let first) = try await engine.put(RegistryWrite([1], for: "a", if: .absent), in: "services")
        else {
            Issue.record("an absent record was not written")
            return
        }
        #expect(try await change.value)
        #expect(try await other.put(RegistryWrite([2], for: "a", if: .absent), in: "services") == .conflict(first))
        guard
            case .written(let second) = try await other.put(
                RegistryWrite([2], for: "a", if: .version(first.version)), in: "services")
        else {
            Issue.record("a version that is there was not met")
            return
        }
        #expect(second.version > first.version)
        let life = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .milliseconds(600))
        guard case .written = try await engine.put(RegistryWrite([3], for: "b/c", lifetime: life), in: "services")
        else {
            Issue.record("an ephemeral record was not written")
            return
        }
        let snapshot = try await other.snapshot(of: "services")
        #expect(snapshot.revision > empty.revision)
        #expect(
            snapshot.records.map(\.key) == ["a", "b/c"] && snapshot["b/c"]?.owner == "me" && snapshot["a"] == second)
        #expect(try await engine.renewRecord("b/c", in: "services", owner: "me", for: .milliseconds(600)))
        #expect(try await !engine.renewRecord("b/c", in: "services", owner: "you", for: .milliseconds(600)))
        #expect(try await other.snapshot(of: "services").revision == snapshot.revision)
        #expect(try await other.waitForChange(in: "services", since: snapshot.revision, upTo: .seconds(40)))
        #expect(try await other.snapshot(of: "services").records.map(\.key) == ["a"])
        #expect(try await !engine.renewRecord("b/c", in: "services", owner: "me", for: .seconds(1)))
        #expect(try await !engine.removeRecord("a", from: "services", if: .version(first.version)))
        #expect(try await engine.removeRecord("a", from: "services", if: .always))
        #expect(try await !engine.removeRecord("a", from: "services", if: .always))
        await engine.close()
        await other.close()
    }

    @Test func `an ephemeral record ends with the session of its engine, and another engine may take it over`()
        async throws
    {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let life = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .seconds(50))
        _ = try await engine.put(RegistryWrite([1], for: "a", lifetime: life), in: "services")
        _ = try await engine.put(RegistryWrite([2], for: "b", lifetime: life), in: "services")
        #expect(try await other.renewRecord("b", in: "services", owner: "me", for: .seconds(50)))
        let snapshot = try await other.snapshot(of: "services")
        #expect(snapshot.records.map(\.value) == [[1], [2]])
        await engine.close()
        #expect(try await other.waitForChange(in: "services", since: snapshot.revision, upTo: .seconds(40)))
        try await eventually("only b is there") { try await other.snapshot(of: "services").records.map(\.key) == ["b"] }
        await other.close()
    }

    @Test func `the data of a node comes back as it was written, and that of others is a value`() throws {
        for owner in [nil, "me", "a b", "日本"] as [OwnerID?] {
            let node = RecordNode(owner: owner, duration: .milliseconds(1_500), value: [0, 10, 32, 255], version: 7)
            #expect(RecordNode(node.bytes) == node)
        }
        let other = RecordNode(Array("host=a\nport=1".utf8))
        #expect(other.owner == nil && other.version == 0 && other.value == Array("host=a\nport=1".utf8))
    }

    @Test func `the end of a record in one engine is none for another that has taken it over`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let short = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .milliseconds(300))
        for round in 1...5 {
            guard
                case .written(let record) = try await engine.put(
                    RegistryWrite([1], for: "a", lifetime: short), in: "services")
            else {
                Issue.record("a record was not written")
                return
            }
            guard try await other.renewRecord("a", in: "services", owner: "me", for: .seconds(50)) else {
                // The machine was so busy that it had run out.
                continue
            }
            // The first engine's time for it is over after this: another record that it kept as long is gone.
            _ = try await engine.put(RegistryWrite([2], for: "clock", lifetime: short), in: "others")
            try await eventually("the time is over") { try await other.snapshot(of: "others").records.isEmpty }
            let kept = try await engine.snapshot(of: "services")
            #expect(kept["a"] == record, "in round \(round) a record ended in an engine that had not kept it any more")
            // Written anew by the first engine, it is that one's again.
            #expect(try await engine.removeRecord("a", from: "services", if: .version(record.version)))
        }
        await engine.close()
        await other.close()
    }

    @Test func `a record that is renewed now here, now there stays, and ends when nobody renews it`() async throws {
        let server = try await ZooKeeperProcess()
        let engines = [try server.engine(Self.suffix), try server.engine(Self.suffix), try server.engine(Self.suffix)]
        let life = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .seconds(3))
        let clock = HostClock()
        guard
            case .written(let record) = try await engines[0].put(RegistryWrite([1], for: "a", lifetime: life), in: "g")
        else {
            Issue.record("a record was not written")
            return
        }
        var last = clock.now
        for round in 0..<30 {
            let before = clock.now
            let isRenewed = try await engines[round % 3].renewRecord("a", in: "g", owner: "me", for: .seconds(3))
            if clock.now < last.advanced(by: .seconds(3)) { #expect(isRenewed, "in round \(round)") }
            guard isRenewed else { return }
            last = before
            #expect(try await engines[(round + 1) % 3].snapshot(of: "g")["a"] == record)
            try await clock.sleep(for: .milliseconds(50))
        }
        try await eventually("it ended") { try await engines[1].snapshot(of: "g").records.isEmpty }
        #expect(clock.now >= last.advanced(by: .seconds(3)))
        for engine in engines { await engine.close() }
    }

    @Test func `a write whose answer is lost is made once, and what it made ends in time`() async throws {
        let server = try await ZooKeeperProcess()
        let relay = try Relay(to: server.port)
        let engine = try ZooKeeperLeaseEngine(url: try server.url(Self.suffix, at: relay.port))
        let other = try server.engine(Self.suffix)
        _ = try await engine.put(RegistryWrite([0], for: "first"), in: "g")
        // The value goes over the wire with the write alone, not with the look before it.
        let (always, once) = ("the value of always", "the value of once")
        relay.swallowAnswer(to: always)
        let life = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .seconds(2))
        guard
            case .written = try await engine.put(
                RegistryWrite(Array(always.utf8), for: "always", lifetime: life), in: "g")
        else {
            Issue.record("a write without condition was in conflict")
            return
        }
        relay.swallowAnswer(to: once)
        let error = await failure {
            try await engine.put(RegistryWrite(Array(once.utf8), for: "once", lifetime: life, if: .absent), in: "g")
        }
        #expect(error?.code == .unavailable)
        #expect(relay.swallowed == 2)
        try await eventually("what was unanswered ends, too") {
            try await other.snapshot(of: "g").records.map(\.key) == ["first"]
        }
        await engine.close()
        await other.close()
        relay.close()
    }
}
#endif
