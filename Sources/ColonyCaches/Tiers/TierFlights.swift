import Synchronization

/// Look-ups and loads under way, of which there is one for each key, however many ask.
///
/// A flight belongs to nobody among those who wait: whoever came first may leave like everybody else, and when the
/// last one leaves, it is cancelled. Nobody joins a flight whose ticket was revoked, because it may bring what was
/// there before the change that the newcomer knows of.
final class TierFlights<Value: Sendable>: Sendable {
    typealias Work = @Sendable (CopyTicket) async throws -> Value

    private let flights = Mutex<[CacheKey: Flight]>([:])

    /// The value of the flight of a key: one under way, or a new one.
    ///
    /// - Parameters:
    ///   - ticket: The ticket of a new flight.
    ///   - work: What a new flight does.
    /// - Throws: What the work throws; `CancellationError` as soon as the calling task is cancelled.
    func value(of key: CacheKey, _ ticket: CopyTicket, _ work: @escaping Work) async throws -> Value {
        let (flight, place, isNew) = self.flights.withLock { flights in
            if let flight = flights[key], !flight.ticket.isRevoked, flight.ticket.generation == ticket.generation,
                let place = flight.join()
            {
                return (flight, place, false)
            }
            let flight = Flight(ticket)
            flights[key] = flight
            return (flight, flight.join() ?? 0, true)
        }
        if isNew {
            flight.start(work) {
                self.flights.withLock { flights in
                    if flights[key] === flight { flights[key] = nil }
                }
            }
        }
        return try await flight.wait(at: place).get()
    }

    /// How many wait for flights.
    var waiterCount: Int { self.flights.withLock { Array($0.values) }.reduce(0) { $0 + $1.waiterCount } }

    final class Flight: Sendable {
        typealias Outcome = Result<Value, any Error>

        fileprivate struct State {
            var waiters: [Int: CheckedContinuation<Outcome, Never>] = [:]
            var lastPlace = 0
            /// How many have joined and not left.
            var interested = 0
            var outcome: Outcome?
            var task: Task<Void, Never>?
        }

        let ticket: CopyTicket
        private let state = Mutex(State())

        init(_ ticket: CopyTicket) { self.ticket = ticket }

        /// Takes a place, which must then be waited at; `nil` if the flight is over.
        func join() -> Int? {
            self.state.withLock { state in
                if state.outcome != nil { return nil }
                state.interested += 1
                state.lastPlace += 1
                return state.lastPlace
            }
        }

        var waiterCount: Int { self.state.withLock(\.waiters.count) }

        func start(_ work: @escaping Work, whenOver end: @escaping @Sendable () -> Void) {
            // A task of its own outlives whoever came first. It inherits neither cancellation nor the executor.
            let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
            let task = Task(executorPreference: executor) {
                let outcome: Outcome
                do {
                    outcome = .success(try await work(self.ticket))
                } catch {
                    outcome = .failure(error)
                }
                end()
                self.finish(outcome)
            }
            let isOver = self.state.withLock { state in
                state.task = task
                return state.outcome != nil
            }
            if isOver { task.cancel() }
        }

        private func finish(_ outcome: Outcome) {
            let waiters = self.state.withLock { state in
                if state.outcome == nil { state.outcome = outcome }
                state.task = nil
                defer { state.waiters = [:] }
                return state.waiters
            }
            for waiter in waiters.values { waiter.resume(returning: outcome) }
        }

        func wait(at place: Int) async -> Outcome {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let (outcome, task) = self.state.withLock { state -> (Outcome?, Task<Void, Never>?) in
                        if let outcome = state.outcome { return (outcome, nil) }
                        // A cancellation that came before this point has found nobody to wake.
                        if Task.isCancelled { return (.failure(CancellationError()), state.leave()) }
                        state.waiters[place] = continuation
                        return (nil, nil)
                    }
                    task?.cancel()
                    if let outcome { continuation.resume(returning: outcome) }
                }
            } onCancel: {
                let (waiter, task) = self.state.withLock { state in
                    let waiter = state.waiters.removeValue(forKey: place)
                    return (waiter, waiter == nil ? nil : state.leave())
                }
                task?.cancel()
                waiter?.resume(returning: .failure(CancellationError()))
            }
        }
    }
}

extension TierFlights.Flight.State {
    /// One leaves. Returns the task, if it is to be cancelled because nobody is left.
    fileprivate mutating func leave() -> Task<Void, Never>? {
        self.interested -= 1
        guard self.interested == 0 else { return nil }
        self.outcome = .failure(CancellationError())
        return self.task
    }
}

/// The loads within which the current task runs, so that a loader that asks for its own key is told instead of waiting
/// for itself for ever.
enum TierLoadChain {
    struct Link: Hashable {
        let cache: ObjectIdentifier
        let key: CacheKey
    }

    @TaskLocal static var links: Set<Link> = []
}
