public import ColonyCore
import ColonyHashing

/// Lets one node of many load a key that all of them miss, while the others wait for what it stores.
///
/// Within a process a ``TieredCache`` loads a key once by itself. When a popular key ends in the shared cache, though,
/// each of a hundred nodes misses it at the same moment. With this lock one of them loads; the others wait for the end
/// of its lease and read again.
///
/// The lock saves work, it does not protect anything: a node that has waited for ``waiting`` loads by itself, and so
/// does one whose engine fails. A load that takes longer than ``holding`` may be joined by another.
public struct StampedeLock: Sendable {
    /// The store of the leases.
    public let engine: any LeaseEngine
    /// What the names of the leases begin with; keys follow it.
    public let prefix: String
    /// How long the lease of a load runs. Longer than most loads take; when a node dies, others wait for this long.
    public let holding: Duration
    /// How long a node waits for another one's load, calls of the engine included.
    public let waiting: Duration

    /// Makes a lock; it does no I/O.
    ///
    /// - Parameters:
    ///   - engine: Any engine that all nodes share.
    ///   - prefix: Up to 100 bytes of UTF-8 without control characters.
    ///   - holding: From 10 milliseconds to 24 hours, as ``ColonyCore/LeaseLimits`` says. Ten seconds, because a load
    ///     that takes longer is rarely made for a request.
    ///   - waiting: Above zero. Five seconds, which is what most callers still wait for.
    /// - Throws: ``CacheError`` with `invalidConfiguration`, quoting the value.
    public init(
        _ engine: any LeaseEngine, prefix: String = "cache-load/", holding: Duration = .seconds(10),
        waiting: Duration = .seconds(5)
    ) throws(CacheError) {
        guard LeaseLimits.duration.contains(holding) else {
            throw CacheError(
                .invalidConfiguration, "a lease lasts from 10 milliseconds to 24 hours, and not \(holding)")
        }
        guard waiting > .zero else {
            throw CacheError(.invalidConfiguration, "the wait for another load must be above zero, not \(waiting)")
        }
        guard prefix.utf8.count <= 100, prefix.isEmpty || (try? LeaseName(prefix)) != nil else {
            throw CacheError(.invalidConfiguration, "names of leases cannot begin with \(prefix.debugDescription)")
        }
        self.engine = engine
        self.prefix = prefix
        self.holding = holding
        self.waiting = waiting
    }

    /// The name of the lease of a key; a key that is too long for one is represented by its hash.
    func name(of key: CacheKey) throws(InvalidName) -> LeaseName {
        let text = self.prefix + key.rawValue
        if text.utf8.count <= 255 { return try LeaseName(text) }
        return try LeaseName(self.prefix + "#" + String(XXH3.hash(key.rawValue), radix: 16))
    }

    /// How the turn at a load came about.
    enum Turn<Value: Sendable>: Sendable {
        /// Another node has loaded.
        case other(Value)
        /// This node has the lock; it gives it back after the load.
        case granted(Lease)
        /// This node loads without the lock: waiting took too long, or the engine failed.
        case unlocked(LeaseError?)
    }

    /// What a look into the shared cache shows.
    enum Seen<Value: Sendable>: Sendable {
        case value(Value)
        case nothing
        /// It does not answer, so nobody can see what another node loads, and waiting is in vain.
        case unreachable
    }

    /// Waits for a turn.
    ///
    /// - Parameter reread: Looks whether another node has stored the value.
    /// - Throws: `CancellationError`, and what `reread` throws. Nothing is held then.
    func turn<Value: Sendable>(
        at key: CacheKey, as owner: OwnerID, on clock: any MonotonicClock, reread: () async throws -> Seen<Value>
    ) async throws -> Turn<Value> {
        guard let name = try? self.name(of: key) else { return .unlocked(nil) }
        let deadline = clock.now.advanced(by: self.waiting)
        while true {
            let left = clock.now.duration(to: deadline)
            if left <= .zero { return .unlocked(nil) }
            let answer: Acquisition
            do {
                answer = try await self.acquire(name, owner, upTo: left, on: clock)
            } catch {
                return try await self.unlocked(name, owner, error)
            }
            let holder: LeaseHolder
            switch answer {
            case .held(let other): holder = other
            case .granted(let lease):
                // Whoever held it before may have stored the value.
                do {
                    guard case .value(let value) = try await reread() else { return .granted(lease) }
                    await self.giveBack(lease)
                    return .other(value)
                } catch {
                    await self.giveBack(lease)
                    throw error
                }
            }
            do {
                let rest = clock.now.duration(to: deadline)
                if rest > .zero { try await self.engine.waitForChange(of: name, from: holder.token, upTo: rest) }
            } catch {
                return try await self.unlocked(name, owner, error)
            }
            switch try await reread() {
            case .value(let value): return .other(value)
            case .nothing: break
            case .unreachable: return .unlocked(nil)
            }
        }
    }

    private func acquire(
        _ name: LeaseName, _ owner: OwnerID, upTo limit: Duration, on clock: any MonotonicClock
    ) async throws(LeaseError) -> Acquisition {
        let (engine, holding) = (self.engine, self.holding)
        return try await BoundedCall.run(
            upTo: limit, on: clock,
            timeOut: LeaseError(.unavailable, "the engine of the stampede lock did not answer within \(limit)")
        ) { () async throws(LeaseError) -> Acquisition in
            try await engine.tryAcquire(name, owner: owner, for: holding)
        }
    }

    /// The engine failed: it may have granted the lease all the same, so that is given back.
    private func unlocked<Value>(
        _ name: LeaseName, _ owner: OwnerID, _ error: LeaseError
    ) async throws -> Turn<Value> {
        let giving = self.release(name, owner, nil)
        if error.code == .cancelled {
            await giving.value
            throw CancellationError()
        }
        try Task.checkCancellation()
        return .unlocked(error)
    }

    /// Gives a lease back, also when the task is cancelled. If that fails, it runs out by itself.
    func giveBack(_ lease: Lease) async {
        await self.release(lease.name, lease.owner, lease.token).value
    }

    private func release(_ name: LeaseName, _ owner: OwnerID, _ token: FencingToken?) -> Task<Void, Never> {
        let engine = self.engine
        // A new task does not inherit cancellation, nor the executor, which is passed on.
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        return Task(executorPreference: executor) { _ = try? await engine.release(name, owner: owner, token: token) }
    }
}
