import ColonyCore
import Synchronization

// What happens between taking a key and giving it up.

extension Idempotency {
    /// The pauses between attempts to store an outcome, as parts of the lease. The owner is the same, so repeating is safe.
    private static var pausesToStore: [Int] { [24, 12, 6] }

    /// Runs the operation under a key that this call has taken, and gives the key up in every case.
    func run(_ request: IdempotencyRequest, _ operation: () async throws -> Value) async throws -> Value {
        self.counts.withLock { $0.started += 1 }
        self.hub.send(.started(request.key))
        let keeper = self.keeper(of: request)
        do {
            let value = try await operation()
            await self.record(request) { IdempotencyOutcome(.value, try self.codec.encode(value)) }
            await Self.end(keeper)
            return value
        } catch {
            if !(error is CancellationError), let bytes = self.options.storedFailure?(error) {
                await self.record(request) { IdempotencyOutcome(.failure, bytes) }
                await Self.end(keeper)
            } else {
                await Self.end(keeper)
                await self.giveUp(request)
            }
            throw error
        }
    }

    /// Renews the lease until it is cancelled: at a third of it. A renewal that gets no answer is given up after a sixth and made again
    /// after another one, so that a lost one does no harm: five sixths are over when the next one has been answered or not.
    ///
    /// A task of its own, because the operation stays in that of the caller. It must have ended before the key is given up, or a late
    /// renewal would take it again; it goes on while an outcome is being stored, after which a renewal changes nothing.
    private func keeper(of request: IdempotencyRequest) -> Task<Void, Never> {
        Task {
            let limit = min(self.options.callLimit, request.lease / 6)
            var pause = request.lease / 3
            while !Task.isCancelled {
                do {
                    try await self.clock.sleep(for: pause)
                    // Whoever has the key now: the completion will tell.
                    guard try await self.begin(request, upTo: limit) == .started else { return }
                    pause = request.lease / 3
                } catch let error as ResilienceError where error.code == .unavailable {
                    pause = request.lease / 6
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
            // A task of its own, so that a cancellation of the caller ends no pause: the effect is there.
            let storing = Task { try await self.complete(request, outcome) }
            if try await !storing.value { self.hub.send(.overtaken(request.key)) }
        } catch {
            self.counts.withLock { $0.notRecorded += 1 }
            self.hub.send(.notRecorded(request.key, error: error))
        }
    }

    private func complete(_ request: IdempotencyRequest, _ outcome: IdempotencyOutcome) async throws -> Bool {
        let (store, retention) = (self.store, self.options.retention)
        func attempt() async throws(ResilienceError) -> Bool {
            try await self.call(isShielded: true) { () async throws(ResilienceError) in
                try await store.complete(request, with: outcome, keeping: retention)
            }
        }
        for part in Self.pausesToStore {
            do throws(ResilienceError) {
                return try await attempt()
            } catch {
                guard error.code == .unavailable else { throw error }
            }
            try await self.clock.sleep(for: request.lease / part)
        }
        return try await attempt()
    }

    /// Gives the key up. If that fails, its lease runs out by itself.
    func giveUp(_ request: IdempotencyRequest) async {
        do throws(ResilienceError) {
            try await self.abandon(request)
        } catch {
            self.hub.send(.notRecorded(request.key, error: error))
        }
    }

    /// Gives a key up that the store may have taken without an answer, so that the next call need not wait for the lease. Nobody waits
    /// for it: the caller has failed already, and the store may be down.
    func abandonLater(_ request: IdempotencyRequest) {
        Task.detached {
            do throws(ResilienceError) {
                try await self.abandon(request)
            } catch {
                // Nothing was started, so there is nothing to tell: a key that was taken comes back with the end of its lease.
            }
        }
    }

    private func abandon(_ request: IdempotencyRequest) async throws(ResilienceError) {
        let store = self.store
        _ = try await self.call(isShielded: true) { () async throws(ResilienceError) in
            try await store.abandon(request)
        }
    }

    func begin(_ request: IdempotencyRequest, upTo limit: Duration) async throws -> IdempotencyAnswer {
        let store = self.store
        do throws(ResilienceError) {
            return try await self.call(upTo: limit) { () async throws(ResilienceError) in try await store.begin(request)
            }
        } catch {
            if error.code == .cancelled { throw CancellationError() }
            throw error
        }
    }

    private func call<Answer: Sendable>(
        upTo limit: Duration? = nil, isShielded: Bool = false,
        _ body: @escaping @Sendable () async throws(ResilienceError) -> Answer
    ) async throws(ResilienceError) -> Answer {
        let limit = limit ?? self.options.callLimit
        return try await BoundedCall.run(
            upTo: limit, on: self.clock, isShielded: isShielded,
            timeOut: ResilienceError(.unavailable, "the store of \(self.name) did not answer within \(limit)"), body)
    }
}
