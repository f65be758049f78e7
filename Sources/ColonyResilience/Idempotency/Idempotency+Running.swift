import ColonyCore
import Synchronization

// What happens between taking a key and giving it up.

extension Idempotency {
    /// How often an outcome is tried to be stored. The owner is the same, so repeating is safe.
    private static var attemptsToStore: Int { 3 }

    /// Runs the operation under a key that this call has taken, and gives the key up in every case.
    func run(_ request: IdempotencyRequest, _ operation: () async throws -> Value) async throws -> Value {
        self.counts.withLock { $0.started += 1 }
        self.hub.send(.started(request.key))
        let keeper = self.keeper(of: request)
        do {
            let value = try await operation()
            await Self.end(keeper)
            await self.record(request) { IdempotencyOutcome(.value, try self.codec.encode(value)) }
            return value
        } catch {
            await Self.end(keeper)
            if !(error is CancellationError), let bytes = self.options.storedFailure?(error) {
                await self.record(request) { IdempotencyOutcome(.failure, bytes) }
            } else {
                await self.giveUp(request)
            }
            throw error
        }
    }

    /// Renews the lease until it is cancelled: at a third of it, so that one lost renewal does no harm.
    ///
    /// A task of its own, because the operation stays in that of the caller. It must have ended before the key is given up, or a late
    /// renewal would take it again.
    private func keeper(of request: IdempotencyRequest) -> Task<Void, Never> {
        Task {
            while !Task.isCancelled {
                do {
                    try await self.clock.sleep(for: request.lease / 3)
                    // Whoever has the key now: the completion will tell.
                    guard try await self.begin(request) == .started else { return }
                } catch let error as ResilienceError where error.code == .unavailable {
                    continue
                } catch {
                    return
                }
            }
        }
    }

    private static func end(_ keeper: Task<Void, Never>) async {
        keeper.cancel()
        await keeper.value
    }

    /// Stores the outcome. The effect is there, so a failure is told to those who listen and not to the caller, who would repeat it.
    private func record(_ request: IdempotencyRequest, _ outcome: () throws -> IdempotencyOutcome) async {
        do {
            let outcome = try outcome()
            if try await !self.complete(request, outcome) { self.hub.send(.overtaken(request.key)) }
        } catch {
            self.counts.withLock { $0.notRecorded += 1 }
            self.hub.send(.notRecorded(request.key, error: error))
        }
    }

    private func complete(
        _ request: IdempotencyRequest, _ outcome: IdempotencyOutcome
    ) async throws(ResilienceError) -> Bool {
        let (store, retention) = (self.store, self.options.retention)
        var failures = 0
        while true {
            do throws(ResilienceError) {
                return try await self.call(isShielded: true) { () async throws(ResilienceError) in
                    try await store.complete(request, with: outcome, keeping: retention)
                }
            } catch {
                failures += 1
                guard error.code == .unavailable, failures < Self.attemptsToStore else { throw error }
            }
        }
    }

    /// Gives the key up. If that fails, its lease runs out by itself.
    private func giveUp(_ request: IdempotencyRequest) async {
        let store = self.store
        do throws(ResilienceError) {
            _ = try await self.call(isShielded: true) { () async throws(ResilienceError) in
                try await store.abandon(request)
            }
        } catch {
            self.hub.send(.notRecorded(request.key, error: error))
        }
    }

    func begin(_ request: IdempotencyRequest) async throws -> IdempotencyAnswer {
        let store = self.store
        do throws(ResilienceError) {
            return try await self.call { () async throws(ResilienceError) in try await store.begin(request) }
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            throw error
        }
    }

    private func call<Answer: Sendable>(
        isShielded: Bool = false, _ body: @escaping @Sendable () async throws(ResilienceError) -> Answer
    ) async throws(ResilienceError) -> Answer {
        try await BoundedCall.run(
            upTo: self.options.callLimit, on: self.clock, isShielded: isShielded,
            timeOut: ResilienceError(
                .unavailable, "the store of \(self.name) did not answer within \(self.options.callLimit)"), body)
    }
}
