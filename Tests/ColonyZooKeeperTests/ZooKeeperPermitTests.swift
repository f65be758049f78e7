#if ZooKeeper
import ColonyCoordination
import ColonyCore
import ColonyZooKeeper
import Testing

@Suite(
    "Permits and records on ZooKeeper", .enabled(if: ZooKeeperProcess.isAvailable), .serialized, .timeLimit(.minutes(5))
)
struct ZooKeeperPermitTests {
    private static let suffix = "/colony?session_timeout_ms=60000&timeout_ms=20000"

    private func request(
        _ permits: Int, _ owner: OwnerID, limit: Int = 3, for duration: Duration = .seconds(50), claim: Duration? = nil
    ) -> PermitRequest {
        PermitRequest(permits, of: "pool", limit: limit, owner: owner, for: duration, claim: claim)
    }

    @Test func `no more are granted than there are, by two engines at once`() async throws {
        let server = try await ZooKeeperProcess()
        let engines = [try server.engine(Self.suffix), try server.engine(Self.suffix)]
        let inside = SharedValue(0)
        let most = SharedValue(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...20 {
                let engine = engines[number % 2]
                let request = self.request(1, try OwnerID("o\(number)"), claim: .seconds(30))
                group.addTask {
                    while true {
                        if let lease = try await engine.takePermits(request).lease {
                            let count = inside.change { count -> Int in
                                count += 1
                                return count
                            }
                            most.change { $0 = max($0, count) }
                            #expect(count <= 3)
                            inside.change { $0 -= 1 }
                            #expect(try await engine.returnPermits("pool", owner: request.owner, token: lease.token))
                            return
                        }
                        _ = try await engine.waitForPermits(request, upTo: .seconds(30))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(most.value > 0)
        let record = try await engines[0].inspectPermits("pool")
        #expect(record.holders.isEmpty && record.claims.isEmpty)
        for engine in engines { await engine.close() }
    }

    @Test func `a claim keeps its place, and who comes later does not pass it`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let reader = try #require(try await engine.takePermits(self.request(1, "reader")).lease)
        guard case .refused(let refusal) = try await other.takePermits(self.request(3, "writer", claim: .seconds(30)))
        else {
            Issue.record("a writer was let in beside a reader")
            return
        }
        #expect(refusal.available == 2 && refusal.holder.owner == "reader" && refusal.holder.token == reader.token)
        #expect(try await engine.takePermits(self.request(1, "late")).lease == nil)
        let record = try await engine.inspectPermits("pool")
        #expect(record.holders.map(\.owner) == ["reader"] && record.claims.map(\.owner) == ["writer"])
        let wait = Task {
            try await other.waitForPermits(self.request(3, "writer", claim: .seconds(30)), upTo: .seconds(60))
        }
        #expect(try await engine.renewPermits(reader, for: .seconds(50))?.token == reader.token)
        #expect(try await other.renewPermits(reader, for: .seconds(50))?.token == reader.token)
        #expect(try await engine.returnPermits("pool", owner: "reader", token: reader.token))
        #expect(try await wait.value)
        #expect(try await engine.takePermits(self.request(1, "late")).lease == nil)
        let writer = try #require(try await other.takePermits(self.request(3, "writer", claim: .seconds(30))).lease)
        #expect(writer.token > reader.token)
        #expect(try await engine.takePermits(self.request(1, "late")).lease == nil)
        #expect(try await other.returnPermits("pool", owner: "writer", token: nil))
        #expect(try await engine.takePermits(self.request(1, "late")).lease != nil)
        await engine.close()
        await other.close()
    }

    @Test func `permits and claims run out`() async throws {
        let server = try await ZooKeeperProcess()
        let engine = try server.engine(Self.suffix)
        let other = try server.engine(Self.suffix)
        let lease = try #require(try await engine.takePermits(self.request(3, "a", for: .milliseconds(400))).lease)
        #expect(try await other.takePermits(self.request(2, "b", claim: .milliseconds(300))).lease == nil)
        let clock = HostClock()
        #expect(try await other.waitForPermits(self.request(2, "c"), upTo: .seconds(30)))
        #expect(clock.now >= lease.expiry)
        #expect(try await other.takePermits(self.request(2, "c")).lease != nil)
        #expect(try await engine.renewPermits(lease, for: .seconds(1)) == nil)
        #expect(try await engine.inspectPermits("pool").claims.isEmpty)
        await engine.close()
        await other.close()
    }

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
}
#endif
