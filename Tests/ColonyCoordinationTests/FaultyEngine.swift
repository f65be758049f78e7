import ColonyCoordination
import ColonyCore
import ColonyMemory
import ColonySimulation
import Synchronization

/// The reference engine with all its ports, between which and its caller requests and answers are lost, late, or stuck. What is
/// stuck stays so for a day.
final class FaultyEngine: PermitEngine, RegistryEngine {
    enum Operation: Hashable, CaseIterable, Sendable {
        case tryAcquire, renew, release, inspect, wait
        case take, renewPermits, returnPermits, inspectPermits, waitForPermits
        case put, renewRecord, removeRecord, snapshot, waitForGroup
    }

    typealias Plan = @Sendable (Operation, inout SeededGenerator) -> LeaseFault?

    let base: MemoryLeaseEngine
    private let clock: any MonotonicClock

    private struct State {
        var plan: Plan
        var generator: SeededGenerator
        var counts: [Operation: Int] = [:]
    }

    private let state: Mutex<State>

    init(_ base: MemoryLeaseEngine, clock: any MonotonicClock, seed: Seed = 0, plan: @escaping Plan = { _, _ in nil }) {
        self.base = base
        self.clock = clock
        self.state = Mutex(State(plan: plan, generator: SeededGenerator(seed: seed)))
    }

    var guarantee: Guarantee { self.base.guarantee }

    func follow(_ plan: @escaping Plan) { self.state.withLock { $0.plan = plan } }

    func heal() { self.follow { _, _ in nil } }

    /// Nothing reaches the engine any more.
    func cut() { self.follow { _, _ in .errorBefore } }

    func count(of operation: Operation) -> Int { self.state.withLock { $0.counts[operation] ?? 0 } }

    private func pass<Answer>(
        _ operation: Operation, _ effect: () async throws(LeaseError) -> Answer
    ) async throws(LeaseError) -> Answer {
        let fault = self.state.withLock { state in
            state.counts[operation, default: 0] += 1
            return state.plan(operation, &state.generator)
        }
        switch fault {
        case .errorBefore: throw LeaseError(.unavailable, "an injected fault lost the request")
        case .delayBefore(let delay): try await self.pause(delay)
        case .hangBefore: try await self.pause(.seconds(86_400))
        default: break
        }
        let answer = try await effect()
        switch fault {
        case .errorAfter: throw LeaseError(.unavailable, "an injected fault lost the answer")
        case .delayAfter(let delay): try await self.pause(delay)
        case .hangAfter: try await self.pause(.seconds(86_400))
        default: break
        }
        return answer
    }

    private func pause(_ delay: Duration) async throws(LeaseError) {
        do {
            try await self.clock.sleep(for: delay)
        } catch {
            throw LeaseError(.cancelled, "the call was cancelled while an injected fault held it up", cause: error)
        }
    }
}

// MARK: Leases

extension FaultyEngine {
    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try await self.pass(.tryAcquire) { () async throws(LeaseError) in
            try await self.base.tryAcquire(name, owner: owner, for: duration)
        }
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.pass(.renew) { () async throws(LeaseError) in try await self.base.renew(lease, for: duration) }
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.pass(.release) { () async throws(LeaseError) in
            try await self.base.release(name, owner: owner, token: token)
        }
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try await self.pass(.inspect) { () async throws(LeaseError) in try await self.base.inspect(name) }
    }

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.pass(.wait) { () async throws(LeaseError) in
            try await self.base.waitForChange(of: name, from: token, upTo: limit)
        }
    }
}

// MARK: Permits

extension FaultyEngine {
    func takePermits(_ request: PermitRequest) async throws(LeaseError) -> PermitAcquisition {
        try await self.pass(.take) { () async throws(LeaseError) in try await self.base.takePermits(request) }
    }

    func renewPermits(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.pass(.renewPermits) { () async throws(LeaseError) in
            try await self.base.renewPermits(lease, for: duration)
        }
    }

    func returnPermits(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.pass(.returnPermits) { () async throws(LeaseError) in
            try await self.base.returnPermits(name, owner: owner, token: token)
        }
    }

    func inspectPermits(_ name: LeaseName) async throws(LeaseError) -> PermitRecord {
        try await self.pass(.inspectPermits) { () async throws(LeaseError) in
            try await self.base.inspectPermits(name)
        }
    }

    func waitForPermits(_ request: PermitRequest, upTo limit: Duration) async throws(LeaseError) -> Bool {
        try await self.pass(.waitForPermits) { () async throws(LeaseError) in
            try await self.base.waitForPermits(request, upTo: limit)
        }
    }
}

// MARK: Records

extension FaultyEngine {
    func put(_ write: RegistryWrite, in group: LeaseName) async throws(LeaseError) -> RegistryAnswer {
        try await self.pass(.put) { () async throws(LeaseError) in try await self.base.put(write, in: group) }
    }

    func renewRecord(
        _ key: LeaseName, in group: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.pass(.renewRecord) { () async throws(LeaseError) in
            try await self.base.renewRecord(key, in: group, owner: owner, for: duration)
        }
    }

    func removeRecord(
        _ key: LeaseName, from group: LeaseName, if condition: RegistryCondition
    ) async throws(LeaseError) -> Bool {
        try await self.pass(.removeRecord) { () async throws(LeaseError) in
            try await self.base.removeRecord(key, from: group, if: condition)
        }
    }

    func snapshot(of group: LeaseName) async throws(LeaseError) -> RegistrySnapshot {
        try await self.pass(.snapshot) { () async throws(LeaseError) in try await self.base.snapshot(of: group) }
    }

    func waitForChange(
        in group: LeaseName, since revision: RegistryRevision, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.pass(.waitForGroup) { () async throws(LeaseError) in
            try await self.base.waitForChange(in: group, since: revision, upTo: limit)
        }
    }
}

extension LeaseFault {
    /// Any fault with a chance of one in `rarity`; delays and pauses of at most `longest`.
    static func drawn(rarity: Int, longest: Duration, using generator: inout SeededGenerator) -> LeaseFault? {
        guard Int.random(in: 0..<rarity, using: &generator) == 0 else { return nil }
        let delay = Duration.nanoseconds(Int64.random(in: 0...longest.clampedNanoseconds, using: &generator))
        return switch Int.random(in: 0..<6, using: &generator) {
        case 0: .errorBefore
        case 1: .errorAfter
        case 2: .delayBefore(delay)
        case 3: .delayAfter(delay)
        case 4: .hangBefore
        default: .hangAfter
        }
    }
}
