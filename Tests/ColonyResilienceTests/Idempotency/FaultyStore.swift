import ColonyCore
import ColonyMemory
import ColonyResilience
import Synchronization

/// The calls to a store.
enum StoreCall: Hashable { case begin, complete, abandon }

/// A store that fails, or holds calls up, as told.
final class FaultyStore: IdempotencyStore {
    private struct Hold {
        var call: StoreCall?
        let arrived = OneShotSignal()
        let released = OneShotSignal()
    }

    private let store: MemoryIdempotencyStore
    private let failures = Mutex<[StoreCall: Int]>([:])
    private let losses = Mutex<[StoreCall: Int]>([:])
    private let calls = Mutex<[StoreCall: Int]>([:])
    private let held = Mutex(Hold())

    init(_ store: MemoryIdempotencyStore) { self.store = store }

    func fail(_ call: StoreCall, times: Int) { self.failures.withLock { $0[call] = times } }

    /// Does what is asked for, and loses the answer.
    func lose(_ call: StoreCall, times: Int) { self.losses.withLock { $0[call] = times } }

    func count(_ call: StoreCall) -> Int { self.calls.withLock { $0[call] ?? 0 } }

    /// Holds up the next call of a kind until it is let go.
    func hold(_ call: StoreCall) { self.held.withLock { $0.call = call } }

    func waitUntilHeld() async {
        let arrived = self.held.withLock { $0.arrived }
        try? await arrived.wait()
    }

    func letGo() { self.held.withLock { $0.released }.fire() }

    private func wait(_ call: StoreCall) async throws(ResilienceError) {
        let hold = self.held.withLock { held -> Hold? in
            guard held.call == call else { return nil }
            held.call = nil
            return held
        }
        guard let hold else { return }
        hold.arrived.fire()
        do {
            try await hold.released.wait()
        } catch {
            throw ResilienceError(.cancelled, "the call was cancelled")
        }
    }

    private func pass(_ call: StoreCall) async throws(ResilienceError) {
        try await self.wait(call)
        self.calls.withLock { $0[call, default: 0] += 1 }
        let fails = self.failures.withLock { failures in
            guard let rest = failures[call], rest > 0 else { return false }
            failures[call] = rest - 1
            return true
        }
        if fails { throw ResilienceError(.unavailable, "the store is down") }
    }

    var guarantee: Guarantee { self.store.guarantee }

    func begin(_ request: IdempotencyRequest) async throws(ResilienceError) -> IdempotencyAnswer {
        try await self.pass(.begin)
        let answer = try await self.store.begin(request)
        let isLost = self.losses.withLock { losses in
            guard let rest = losses[.begin], rest > 0 else { return false }
            losses[.begin] = rest - 1
            return true
        }
        if isLost { throw .lost }
        return answer
    }

    func complete(
        _ request: IdempotencyRequest, with outcome: IdempotencyOutcome, keeping retention: Duration
    ) async throws(ResilienceError) -> Bool {
        try await self.pass(.complete)
        return try await self.store.complete(request, with: outcome, keeping: retention)
    }

    func abandon(_ request: IdempotencyRequest) async throws(ResilienceError) -> Bool {
        try await self.pass(.abandon)
        return try await self.store.abandon(request)
    }
}
