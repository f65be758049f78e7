import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonyResilience
import ColonyServer
import Synchronization
import Testing

@Suite("Switched limits while the store of records is away")
struct SwitchOutageTests {
    /// An outage the watch outlives by itself; a store that failed ends it, and it is begun anew.
    @Test(
        "The last known position stays, and what was moved meanwhile is followed when the store is back",
        arguments: [
            (LeaseError.Code.unavailable, 503, "store_unavailable"), (.storageFailed, 500, "store_failed"),
        ])
    func outage(failure: LeaseError.Code, status: Int, code: String) async throws {
        let base = MemoryLeaseEngine()
        let engine = BreakableEngine(base, failing: failure)
        try await withServer(engine: engine) { server async throws in
            func take() async throws -> Bool? {
                try await server.post("/v1/limits/a/take", #"{"rate":10,"per_ms":3600000}"#).json["allowed"] as? Bool
            }
            let body = #"{"position":"refusing"}"#
            #expect(try await server.send(.PUT, "/v1/switches/limit/a", body).status == 200)
            try await eventually("it refuses") { try await take() == false }
            let failures = engine.failures
            engine.isBroken = true
            try await SwitchOperator(on: base).set(SwitchID(.limit, "a"), to: .automatic)
            try await eventually("the daemon has seen that the store is away") { engine.failures > failures }
            #expect(try await take() == false)
            let reply = try await server.send(.GET, "/v1/switches")
            #expect(reply.status == status)
            #expect(reply.code == code)
            engine.isBroken = false
            try await eventually("it counts again") { try await take() == true }
        }
    }
}

/// Leases and records in memory, of which the records can be made unavailable.
private final class BreakableEngine: MemoryBacked, RegistryEngine {
    let base: MemoryLeaseEngine
    private let state = Mutex((isBroken: false, failures: 0))

    private let failure: LeaseError.Code

    init(_ base: MemoryLeaseEngine, failing failure: LeaseError.Code) {
        self.base = base
        self.failure = failure
    }

    var isBroken: Bool {
        get { self.state.withLock { $0.isBroken } }
        set { self.state.withLock { $0.isBroken = newValue } }
    }

    /// How many requests for records have failed.
    var failures: Int { self.state.withLock { $0.failures } }

    private func check() throws(LeaseError) {
        let isBroken = self.state.withLock { state -> Bool in
            if state.isBroken { state.failures += 1 }
            return state.isBroken
        }
        if isBroken { throw LeaseError(self.failure, "the store is away") }
    }

    func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try self.check()
        return try await self.base.put(write, in: group)
    }

    func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try self.check()
        return try await self.base.renewRecord(key, in: group, owner: owner, for: duration)
    }

    func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        try self.check()
        return try await self.base.removeRecord(key, from: group, if: condition)
    }

    func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        try self.check()
        return try await self.base.snapshot(of: group)
    }

    func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try self.check()
        return try await self.base.waitForChange(in: group, since: revision, upTo: limit)
    }
}
