import ColonyCaches
import ColonyCore
public import ServiceLifecycle
import Synchronization

extension QuorumStore: Service {
    /// Brings hints to servers that are back, until the task is cancelled or the service group shuts down.
    ///
    /// Without it nothing is handed off; everything else works. A server is tried every
    /// ``QuorumSettings/handoffInterval`` while it is owed something, and left alone again at its first failure.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    try await self.settings.clock.sleep(for: self.settings.handoffInterval)
                } catch {
                    return
                }
                await self.handOff()
            }
        }
    }

    /// Tries each server that is owed something once, and brings it all that it is owed.
    ///
    /// ``run()`` calls it again and again.
    ///
    /// - Returns: How many hints have reached their server.
    @discardableResult
    public func handOff() async -> Int {
        guard let journal else { return 0 }
        var delivered = 0
        do throws(QuorumError) {
            for server in try await journal.counts().keys.sorted() {
                delivered += try await self.handOff(to: server, journal)
            }
        } catch {
            // A journal that fails now is asked again with the next round; what it holds is as it was.
            return delivered
        }
        return delivered
    }

    private func handOff(to server: NodeID, _ journal: any HintJournal) async throws(QuorumError) -> Int {
        guard let lane = self.state.withLock({ $0.lanes[server] }) else {
            // The server is gone for good, and with it what it was owed.
            while true {
                let hints = try await journal.hints(for: server, limit: 512)
                if hints.isEmpty { return 0 }
                try await journal.remove(hints.map(\.number))
                self.count { $0.hintsExpired += hints.count }
            }
        }
        var delivered = 0
        // A tenth of a second's share at a time, so that the rate holds over short times, too.
        let share = max(1, self.settings.handoffRate / 10)
        while !Task.isCancelled {
            let hints = try await journal.hints(for: server, limit: share)
            if hints.isEmpty { return delivered }
            let started = self.settings.clock.now
            let now = self.settings.wallClock.now.millisecondsSince1970
            let lifetime = self.settings.hintLifetime.clampedMilliseconds
            let expired = hints.filter { now - $0.hint.written.millisecondsSince1970 > lifetime }
            let fresh = hints.filter { now - $0.hint.written.millisecondsSince1970 <= lifetime }
            let done = await self.deliver(fresh, to: lane)
            try await journal.remove(expired.map(\.number) + done)
            self.count { statistics in
                statistics.hintsExpired += expired.count
                statistics.hintsDelivered += done.count
            }
            delivered += done.count
            if done.count < fresh.count { return delivered }
            let pause = Duration.nanoseconds(Int64(hints.count) * 1_000_000_000 / Int64(self.settings.handoffRate))
            do {
                try await self.settings.clock.sleep(until: started.advanced(by: pause), tolerance: nil)
            } catch {
                return delivered
            }
        }
        return delivered
    }

    /// - Returns: The numbers of those that have arrived.
    private func deliver(_ hints: [KeptHint], to lane: ServerLane) async -> [UInt64] {
        guard let first = hints.first else { return [] }
        // One alone finds out whether the server is back.
        guard await self.deliver(first.hint, to: lane) else { return [] }
        return await withTaskGroup(of: UInt64?.self) { group in
            var done = [first.number]
            var rest = hints.dropFirst()
            for _ in 0..<64 {
                guard let next = rest.popFirst() else { break }
                group.addTask { await self.deliver(next.hint, to: lane) ? next.number : nil }
            }
            for await number in group {
                guard let number else { continue }
                done.append(number)
                if let next = rest.popFirst() {
                    group.addTask { await self.deliver(next.hint, to: lane) ? next.number : nil }
                }
            }
            return done
        }
    }

    private func deliver(_ hint: Hint, to lane: ServerLane) async -> Bool {
        let state: StoredState
        do throws(QuorumError) {
            state = try EnvelopeCoding.decode(hint.bytes, key: hint.key)
        } catch {
            // The journal has its own checksums, so this is of another version; it can never be delivered.
            return true
        }
        if await self.put(state, of: hint.key, on: lane) == false { return false }
        if let standIn = hint.standIn, let from = self.state.withLock({ $0.lanes[standIn] }) {
            // If the stand-in is away now, its copy stays until a sweep finds it; nothing is lost by that.
            _ = await self.relieve(from, of: hint.key, to: [lane])
        }
        return true
    }

    /// Merges a state into what a server holds.
    func put(_ state: StoredState, of key: CacheKey, on lane: ServerLane) async -> Bool {
        let storing = Storing(
            state, of: key, to: [lane], round: WriteRound(homes: [0], need: 1), until: self.deadline(),
            retention: self.retention)
        storing.start()
        return await storing.outcome().isAcknowledged
    }

    /// Takes a key off a server that is none of its homes, after all that it holds of it is on others.
    ///
    /// - Returns: Whether the key is gone from there.
    func relieve(_ lane: ServerLane, of key: CacheKey, to others: [ServerLane]) async -> Bool {
        guard let topology = try? self.topology(), !topology.maps.contains(where: { $0.isHome(lane.server, of: key) })
        else { return false }
        for _ in 0..<8 {
            let outcome = await Reading.run(.entry, of: key, from: [lane], need: 1, until: self.deadline())
            guard outcome.isEnough, let answer = outcome.answers.first else { return false }
            guard let held = answer.held, let version = held.version else { return answer.held == nil }
            guard let state = try? EnvelopeCoding.decode(held.value, key: key) else { return false }
            for other in others {
                guard await self.put(state, of: key, on: other) else { return false }
            }
            // What was stored there meanwhile has another version, and is looked at again.
            let clock = self.settings.clock
            let isGone = try? await BoundedCall.run(
                upTo: self.settings.timeout, on: clock, timeOut: CacheError(.unavailable, "there was no answer in time")
            ) { () async throws(CacheError) in try await lane.tier.compareAndDelete(key, expecting: version) }
            guard let isGone else { return false }
            if isGone { return true }
        }
        return false
    }

    // MARK: Keeping hints

    /// Notes what servers are owed. Returns when the journal has it.
    func keep(_ debts: [Storing.Debt], _ state: StoredState, _ key: CacheKey) async {
        guard let journal, !debts.isEmpty, self.settings.hintLifetime > .zero else { return }
        let bytes = EnvelopeCoding.encode(state, key: key)
        let hints = debts.map { debt in
            Hint(
                server: debt.home.server, key: key, bytes: bytes, written: self.settings.wallClock.now,
                standIn: debt.standIn?.server)
        }
        do throws(QuorumError) {
            try await journal.append(hints)
            self.count { $0.hintsKept += hints.count }
        } catch {
            // The write is acknowledged by enough servers; the one that was away is brought up to date by other means.
            self.count { $0.hintsLost += hints.count }
        }
    }

    /// The same for a server that failed after the caller was answered.
    func keepLate(_ debt: Storing.Debt, _ state: StoredState, _ key: CacheKey) {
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        Task(executorPreference: executor) { await self.keep([debt], state, key) }
    }
}
