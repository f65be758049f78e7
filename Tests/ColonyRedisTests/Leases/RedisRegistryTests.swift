import ColonyCoordination
import ColonyCore
import ColonyRESP
import ColonyRedis
import RealServers
import Testing

@Suite("A registry on Redis", .enabled(if: RedisProcess.isAvailable), .timeLimit(.minutes(5)))
struct RedisRegistryTests {
    private func written(_ answer: RegistryAnswer) throws -> RegistryRecord {
        guard case .written(let record) = answer else {
            throw Polling.Disappointment(description: "not written: \(answer)")
        }
        return record
    }

    private func conflict(_ answer: RegistryAnswer) throws -> RegistryRecord? {
        guard case .conflict(let record) = answer else {
            throw Polling.Disappointment(description: "no conflict: \(answer)")
        }
        return record
    }

    @Test func `conditions decide what is written and removed, and versions rise past a removal`() async throws {
        let cluster = try await RedisClusterProcess()
        let engine = try cluster.leases()
        let value: [UInt8] = [0, 10, 13, 255] + Array("a b\nc".utf8)
        let first = try self.written(try await engine.put(RegistryWrite(value, for: "k", if: .absent), in: "g"))
        #expect(first.value == value && first.owner == nil)
        #expect(try self.conflict(try await engine.put(RegistryWrite([1], for: "k", if: .absent), in: "g")) == first)
        let old = RegistryRevision(rawValue: first.version.rawValue - 1)
        #expect(
            try self.conflict(try await engine.put(RegistryWrite([1], for: "k", if: .version(old)), in: "g")) == first)
        #expect(
            try self.conflict(try await engine.put(RegistryWrite([1], for: "x", if: .version(old)), in: "g")) == nil)
        let second = try self.written(
            try await engine.put(
                RegistryWrite(
                    [2], for: "k", lifetime: .ephemeral(owner: "me ü", duration: .seconds(600)),
                    if: .version(first.version)), in: "g"))
        #expect(second.version > first.version && second.owner == "me ü")
        #expect(
            try self.conflict(try await engine.put(RegistryWrite([3], for: "k", if: .owner("you")), in: "g")) == second)
        _ = try self.written(try await engine.put(RegistryWrite([4], for: "l", if: .owner("you")), in: "g"))
        #expect(try await engine.snapshot(of: "g").records.map(\.key) == ["k", "l"])
        #expect(try await engine.snapshot(of: "g")["k"] == second)
        #expect(try await !engine.removeRecord("k", from: "g", if: .owner("you")))
        #expect(try await !engine.removeRecord("k", from: "g", if: .version(first.version)))
        #expect(try await !engine.removeRecord("k", from: "g", if: .absent))
        let before = try await engine.snapshot(of: "g").revision
        #expect(try await engine.removeRecord("k", from: "g", if: .owner("me ü")))
        #expect(try await !engine.removeRecord("k", from: "g", if: .always))
        #expect(try await engine.removeRecord("l", from: "g", if: .always))
        let empty = try await engine.snapshot(of: "g")
        #expect(empty.records.isEmpty && empty.revision > before)
        let third = try self.written(try await engine.put(RegistryWrite([5], for: "k"), in: "g"))
        #expect(third.version > second.version && third.version > empty.revision)
        await engine.close()
    }

    @Test func `a record runs out unless it is renewed by its owner, and who waits is told`() async throws {
        let server = try await RedisProcess()
        let (engine, other) = (try server.leases(), try server.leases())
        let ephemeral = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .seconds(4))
        _ = try await engine.put(RegistryWrite([1], for: "kept", lifetime: .permanent), in: "g")
        _ = try await engine.put(RegistryWrite([2], for: "k", lifetime: ephemeral), in: "g")
        let first = try await other.snapshot(of: "g")
        #expect(first.records.map(\.key) == ["k", "kept"])
        #expect(try await !engine.renewRecord("k", in: "g", owner: "you", for: .seconds(1)))
        #expect(try await !engine.renewRecord("kept", in: "g", owner: "me", for: .seconds(1)))
        #expect(try await other.waitForChange(in: "g", since: first.revision, upTo: .seconds(30)))
        #expect(try await !engine.renewRecord("k", in: "g", owner: "me", for: .seconds(1)))
        let second = try await other.snapshot(of: "g")
        #expect(second.records.map(\.key) == ["kept"] && second.revision > first.revision)
        #expect(try await !other.waitForChange(in: "g", since: second.revision, upTo: .milliseconds(50)))
        let waiting = Task { try await other.waitForChange(in: "g", since: second.revision, upTo: .seconds(60)) }
        try await Polling.eventually("it listens") {
            try server.connect().ask("KEYS", "*record-watchers:g").elements?.count == 1
        }
        #expect(try server.connect().ask("CONFIG", "RESETSTAT").text == "OK")
        let long = RegistryWrite.Lifetime.ephemeral(owner: "me", duration: .seconds(600))
        _ = try await engine.put(RegistryWrite([3], for: "k", lifetime: long), in: "g")
        #expect(try await waiting.value)
        #expect(try server.calls(of: "publish") == 1)
        // A renewal is no change.
        let third = try await other.snapshot(of: "g")
        #expect(try await engine.renewRecord("k", in: "g", owner: "me", for: .seconds(700)))
        #expect(try await other.snapshot(of: "g") == third)
        await engine.close()
        await other.close()
    }

    @Test func `a group has a limit, and so has a value`() async throws {
        let server = try await RedisProcess()
        let engine = try server.leases()
        let largest = [UInt8](repeating: 7, count: RegistryLimits.value)
        _ = try self.written(try await engine.put(RegistryWrite(largest, for: "large"), in: "g"))
        #expect(try await engine.snapshot(of: "g")["large"]?.value == largest)
        #expect(
            await leaseError { try await engine.put(RegistryWrite(largest + [1], for: "larger"), in: "g") }?.code
                == .invalidRequest)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1..<RegistryLimits.records {
                group.addTask {
                    _ = try await engine.put(RegistryWrite([1], for: try LeaseName("k\(number)")), in: "g")
                }
            }
            try await group.waitForAll()
        }
        #expect(try await engine.snapshot(of: "g").records.count == RegistryLimits.records)
        #expect(
            await leaseError { try await engine.put(RegistryWrite([1], for: "more"), in: "g") }?.code == .invalidRequest
        )
        _ = try self.written(try await engine.put(RegistryWrite([2], for: "k1"), in: "g"))
        await engine.close()
    }
}
