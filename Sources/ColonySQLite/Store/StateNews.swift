import ColonyCore
import Synchronization

/// Who waits, in this process, for the state of a name to become another: one for each kind of state.
///
/// Nobody polls. Commits of this process tell those whom the new state concerns; when another process has rung the bell, the
/// states that are waited for are read; and whoever waits sets a deadline of its own at the next end that it saw.
///
/// Whoever waits enters first and looks second, and its look goes through the writer: then every transaction of this process
/// either was seen by the look, or finds who waits.
final class StateNews<State: Sendable>: Sendable {
    typealias Concern = @Sendable (State) -> Bool

    private struct Waiter {
        let signal: OneShotSignal
        let engine: ObjectIdentifier
        /// Which states wake it; without it, any.
        var concern: Concern?
    }

    private struct Waiters {
        var waiters: [LeaseName: [Waiter]] = [:]
        var isLooking = false
        var looksAgain = false
        /// The last version of the file that was looked at, and on which connection.
        var seen: (generation: Int, version: Int64)?
    }

    /// Apart from the object, so that the watch can look at it as long as it lives.
    private final class Waiting: Sendable {
        let state = Mutex(Waiters())
    }

    private let writer: GroupCommitWriter
    private let waiting = Waiting()
    private let watch: BellWatch
    private let read: @Sendable (LeaseName, Connection) throws(StoreError) -> State

    /// - Parameter read: The state of a name as it is in the file.
    init(store: Store, read: @escaping @Sendable (LeaseName, Connection) throws(StoreError) -> State) {
        let waiting = self.waiting
        self.writer = store.writer
        self.read = read
        self.watch = BellWatch(bell: store.file.bell) { waiting.state.withLock { !$0.waiters.isEmpty } }
    }

    /// How many wait, for tests.
    var count: Int { self.waiting.state.withLock { state in state.waiters.values.reduce(0) { $0 + $1.count } } }

    // MARK: Waiting

    /// What somebody who waits has seen.
    enum Look: Sendable {
        /// What it waits for has come.
        case over
        /// It may come by itself at `until`, or with a state that `concern` finds.
        case waits(until: MonotonicInstant?, concern: Concern)
    }

    /// Waits until a look says that it is over.
    ///
    /// - Parameter look: Reads the state through the writer.
    /// - Returns: `false` if the deadline passed first.
    func wait(
        for name: LeaseName, engine: ObjectIdentifier, until deadline: MonotonicInstant, on clock: any MonotonicClock,
        look: () async throws(LeaseError) -> Look
    ) async throws(LeaseError) -> Bool {
        while true {
            // A signal fires once, so each look has one of its own, in place before the look.
            let signal = OneShotSignal()
            self.enter(signal, name, engine)
            defer { self.leave(signal, name) }
            guard case .waits(let next, let concern) = try await look() else { return true }
            if clock.now >= deadline { return false }
            self.narrow(signal, name, concern)
            do {
                _ = try await signal.wait(until: next.map { min($0, deadline) } ?? deadline, on: clock)
            } catch {
                throw LeaseError(.cancelled, "the wait for a change of \(name) was cancelled", cause: error)
            }
        }
    }

    private func enter(_ signal: OneShotSignal, _ name: LeaseName, _ engine: ObjectIdentifier) {
        self.waiting.state.withLock { $0.waiters[name, default: []].append(Waiter(signal: signal, engine: engine)) }
        self.watch.run { [weak self] in self?.bellRang() }
    }

    private func narrow(_ signal: OneShotSignal, _ name: LeaseName, _ concern: @escaping Concern) {
        self.waiting.state.withLock { state in
            guard let index = state.waiters[name]?.firstIndex(where: { $0.signal === signal }) else { return }
            state.waiters[name]?[index].concern = concern
        }
    }

    private func leave(_ signal: OneShotSignal, _ name: LeaseName) {
        self.waiting.state.withLock { state in
            state.waiters[name]?.removeAll { $0.signal === signal }
            if state.waiters[name]?.isEmpty == true { state.waiters[name] = nil }
        }
    }

    // MARK: Telling

    /// Whether anybody waits for a name. Asked inside a transaction, it says whether its end has to be announced.
    func isAwaited(_ name: LeaseName) -> Bool { self.waiting.state.withLock { $0.waiters[name] != nil } }

    /// A name has this state now.
    func announce(_ name: LeaseName, _ state: State) {
        let waiters = self.waiting.state.withLock { $0.waiters[name] ?? [] }
        for waiter in waiters where waiter.concern?(state) ?? true { waiter.signal.fire() }
    }

    /// Has those who wait through an engine look again, and find that it is closed.
    func wake(_ engine: ObjectIdentifier) {
        let waiters = self.waiting.state.withLock { $0.waiters.values.flatMap(\.self) }
        for waiter in waiters where waiter.engine == engine { waiter.signal.fire() }
    }

    // MARK: Other processes

    /// Looks at what another process may have committed, once for any number of rings.
    private func bellRang() {
        let mustLook = self.waiting.state.withLock { state in
            state.looksAgain = state.isLooking
            defer { state.isLooking = true }
            return !state.isLooking
        }
        if mustLook { self.look() }
    }

    private func look() {
        self.writer.submit(.readOnly) { transaction throws(StoreError) -> [(LeaseName, State)] in
            let connection = transaction.connection
            // The version changes with the commits of other connections only, so that our own rings end here.
            let seen = (generation: connection.generation, version: try connection.dataVersion)
            let names = self.waiting.state.withLock { state -> [LeaseName] in
                defer { state.seen = seen }
                return state.seen.map { $0 != seen } ?? true ? Array(state.waiters.keys) : []
            }
            var states: [(LeaseName, State)] = []
            for name in names { states.append((name, try self.read(name, connection))) }
            return states
        } completion: { result in
            // A look that failed is made up for by the next; whoever waits looks when its time is over.
            for (name, state) in (try? result.get()) ?? [] { self.announce(name, state) }
            let mustLook = self.waiting.state.withLock { state in
                defer { state.looksAgain = false }
                state.isLooking = state.looksAgain
                return state.looksAgain
            }
            if mustLook { self.look() }
        }
    }
}
