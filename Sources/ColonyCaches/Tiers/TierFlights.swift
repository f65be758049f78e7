import ColonyCore

/// Look-ups and loads of a ``TieredCache`` under way, of which there is one for each key, however many ask.
///
/// It is the single flight of ``LoadingCache``, with work that each caller brings: a flight belongs to nobody among
/// those who wait, and is stopped when the last one leaves. Nobody joins a flight that was detached, because it may
/// bring what was there before the change that the newcomer knows of.
final class TierFlights<Value: Sendable>: Sendable {
    typealias Work = @Sendable () async throws -> Value?
    private typealias Load = Flight<CacheKey, Value>

    private let table = FlightTable<CacheKey, Value>(stripeCount: 16)
    private let waits = LoadWaits()

    /// What the flight of a key comes to: one under way, or a new one.
    ///
    /// - Parameter work: What a new flight does, in a task of its own.
    /// - Throws: What the work throws; `CancellationError` as soon as the calling task is cancelled; ``CacheError``
    ///   with `loadReentered` if the call comes from the flight of this very key, or of a key that waits for this one.
    func value(of key: CacheKey, _ work: @escaping Work) async throws -> Value? {
        if LoadChain.contains(of: self, as: Load.self, where: { $0.key == key }) { throw Self.reentered(key) }
        let joined = self.table.join(key, hasFallback: false, isReload: false, isStored: { false }) { LoadWork() }
        guard case .place(let flight, let place, let isNew) = joined else {
            preconditionFailure("the flight of \(key) has no value to go on with")
        }
        if isNew { self.start(flight, work) }
        return try await self.outcome(of: flight, at: place)
    }

    /// Lets nobody join the flight of a key any more. Those who wait are told what it comes to.
    func detach(_ key: CacheKey) { self.table.detach(key) }

    /// Lets nobody join any flight that is under way.
    func detachAll() { self.table.detachAll() }

    /// How many wait for a key.
    func waiterCount(of key: CacheKey) -> Int { self.table.current(key)?.waiterCount ?? 0 }

    private func start(_ flight: Load, _ work: @escaping Work) {
        let frame = LoadChain.Frame(
            cache: ObjectIdentifier(self), work: flight.work, flights: flight, parent: LoadChain.innermost)
        // A task of its own outlives whoever came first. It inherits neither cancellation nor the executor.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        let load = Task(executorPreference: executor) {
            let outcome: Load.Outcome
            do {
                outcome = .loaded(try await LoadChain.$innermost.withValue(frame) { try await work() })
            } catch {
                outcome = .failed(error)
            }
            self.table.remove(flight, withOvertaken: true)
            flight.finish(outcome)
            flight.leaveWork()
        }
        flight.work.attach(load: load, timer: nil)
    }

    private func outcome(of flight: Load, at place: Int) async throws -> Value? {
        let frame = LoadChain.frame(of: self)
        if let frame, !self.waits.enter(frame.work, for: flight.work) {
            if flight.leave(place) { self.stop(flight) }
            throw Self.reentered(flight.key)
        }
        defer { if let frame { self.waits.leave(frame.work, for: flight.work) } }
        switch await flight.wait(at: place) {
        case .loaded(let value): return value
        case .failed(let error): throw error
        case .cancelled(let mustStop):
            if mustStop { self.stop(flight) }
            throw CancellationError()
        case .slow, .timedOut:
            preconditionFailure("the flight of \(flight.key) has no time-out")
        }
    }

    /// Stops a flight that nobody waits for.
    private func stop(_ flight: Load) {
        self.table.remove(flight, withOvertaken: false)
        flight.leaveWork()
    }

    private static func reentered(_ key: CacheKey) -> CacheError {
        CacheError(.loadReentered, "the loader of \(key) waits for \(key) itself")
    }
}
