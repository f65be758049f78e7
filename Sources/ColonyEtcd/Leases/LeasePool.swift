#if Etcd
internal import ColonyCore
internal import Synchronization

/// The leases at the server that the keys of an engine are tied to.
///
/// Grants share one lease for each whole number of seconds that is asked for: a lease at the server costs a write, and taking a
/// lock should not. It lives as long as the grants and not longer, because it is what frees the names of an engine that has died;
/// so each grant brings a sign of life along, which costs the server no write. What is tied to it is covered when it is granted
/// and needs no further sign; so a lease after whose use an answer was lost is simply not used again, and whatever the lost
/// request left behind ends with it.
///
/// Whoever waits in a queue has a short lease of its own, because it may have to end while others go on.
final class LeasePool: Sendable {
    /// How long a waiter that died stays in the way: the server counts whole seconds, and this leaves a live one two lost signs.
    static let waiterSeconds: Int64 = 5
    private static let idleWaiters = 8
    /// After how long without use a lease is no longer kept alive.
    private static let idleTime = Duration.seconds(30)
    private static let pulse = Duration.milliseconds(400)

    private struct State {
        var grants: [Int64: ServerLease] = [:]
        var granting: [Int64: [OneShotSignal]] = [:]
        var waiters: [Int64: ServerLease] = [:]
        var idle: [ServerLease] = []
        var isPulsing = false
        var isClosed = false
    }

    private let client: EtcdClient
    let keepAlive: KeepAlive
    private let clock: any MonotonicClock
    private let state = Mutex(State())

    init(_ client: EtcdClient, _ keepAlive: KeepAlive) {
        self.client = client
        self.keepAlive = keepAlive
        self.clock = client.clock
    }

    // MARK: For grants

    /// A lease that can cover a grant of `duration`.
    func lease(for duration: Duration) async throws(EtcdFailure) -> ServerLease {
        let seconds = duration.components.seconds + (duration.components.attoseconds > 0 ? 1 : 0)
        let deadline = self.clock.now.advanced(by: self.client.options.timeout)
        while true {
            let now = self.clock.now
            let signal = OneShotSignal()
            enum Next { case use(ServerLease), grant, wait }
            let next = self.state.withLock { state -> Next in
                if let lease = state.grants[seconds], !lease.isRetired, now < lease.end {
                    lease.use(at: now)
                    return .use(lease)
                }
                state.grants[seconds] = nil
                guard state.granting[seconds] == nil else {
                    state.granting[seconds]?.append(signal)
                    return .wait
                }
                state.granting[seconds] = []
                return .grant
            }
            switch next {
            case .use(let lease):
                return lease
            case .grant:
                defer {
                    let others = self.state.withLock { $0.granting.removeValue(forKey: seconds) }
                    for other in others ?? [] { other.fire() }
                }
                let lease = try await self.grant(seconds)
                self.state.withLock { $0.grants[seconds] = lease }
                self.startPulse()
                return lease
            case .wait:
                // If whoever asks fails, the next one does.
                do {
                    guard try await signal.wait(until: deadline, on: self.clock) else {
                        throw EtcdFailure(.unreachable, "no lease was granted in time")
                    }
                } catch let failure as EtcdFailure {
                    throw failure
                } catch {
                    throw EtcdFailure(.cancelled, "the call was cancelled", cause: error)
                }
            }
        }
    }

    /// A lease for one record: its life is prolonged by whoever renews the record, and its end is nobody else's.
    ///
    /// Ten seconds at the least leave room for renewals that ask for more than the first time.
    func leaseOfItsOwn(for duration: Duration) async throws(EtcdFailure) -> ServerLease {
        try await self.grant(max(10, duration.components.seconds + 2))
    }

    /// Ends a lease to which nothing is tied any more. If that fails, it runs out.
    func revoke(_ id: Int64) {
        guard id != 0 else { return }
        Task(executorPreference: EtcdLink.executor) {
            var request = WireLeaseRevokeRequest()
            request.id = id
            _ = try? await self.client.call(.leaseRevoke, request)
        }
    }

    private func grant(_ seconds: Int64) async throws(EtcdFailure) -> ServerLease {
        let sentAt = self.clock.now
        var request = WireLeaseGrantRequest()
        request.ttl = seconds
        let answer = try await self.client.call(.leaseGrant, request)
        guard answer.error.isEmpty, answer.ttl > 0 else {
            throw EtcdFailure(.refused, "no lease of \(seconds) seconds was granted: \(answer.error)")
        }
        return ServerLease(id: answer.id, timeToLive: .seconds(answer.ttl), from: sentAt)
    }

    // MARK: For waiters

    func waiter() async throws(EtcdFailure) -> ServerLease {
        let now = self.clock.now
        let idle = self.state.withLock { state -> ServerLease? in
            while let lease = state.idle.popLast() {
                if !lease.isRetired, now.advanced(by: .seconds(2)) < lease.end {
                    lease.use(at: now)
                    return lease
                }
                state.waiters[lease.id] = nil
            }
            return nil
        }
        if let idle { return idle }
        let lease = try await self.grant(Self.waiterSeconds)
        self.state.withLock { $0.waiters[lease.id] = lease }
        self.startPulse()
        return lease
    }

    /// Takes back a waiter's lease to which nothing is tied any more.
    func giveBack(_ lease: ServerLease) {
        lease.signalLoss(nil)
        let isKept = self.state.withLock { state -> Bool in
            guard !state.isClosed, !lease.isRetired, state.idle.count < Self.idleWaiters else { return false }
            lease.use(at: self.clock.now)
            state.idle.append(lease)
            return true
        }
        if !isKept { self.abandon(lease) }
    }

    /// Ends a waiter's lease with whatever is tied to it, also what arrives late.
    func abandon(_ lease: ServerLease) {
        lease.signalLoss(nil)
        lease.retire()
        self.state.withLock { $0.waiters[lease.id] = nil }
        // A task of its own, so that it happens also after a cancellation.
        self.revoke(lease.id)
    }

    func close() {
        let waiters = self.state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.retire() }
    }

    // MARK: Signs of life

    private func startPulse() {
        let mustStart = self.state.withLock { state -> Bool in
            if state.isPulsing || state.isClosed { return false }
            state.isPulsing = true
            return true
        }
        guard mustStart else { return }
        Task(executorPreference: EtcdLink.executor) { [weak self, clock] in
            while let delay = await self?.beat() {
                try? await clock.sleep(for: delay)
            }
        }
    }

    /// Sends the signs of life that are due.
    ///
    /// - Returns: When to look again, or `nil` if there is nothing left to keep alive.
    private func beat() async -> Duration? {
        let now = self.clock.now
        let due = self.state.withLock { state -> [ServerLease]? in
            state.grants = state.grants.filter { !$0.value.isRetired && now < $0.value.end }
            for lease in state.idle where now >= lease.end || lease.lastUse.advanced(by: Self.idleTime) < now {
                state.waiters[lease.id] = nil
            }
            state.idle.removeAll { state.waiters[$0.id] == nil }
            if state.isClosed || (state.grants.isEmpty && state.waiters.isEmpty) {
                state.isPulsing = false
                return nil
            }
            let grants = state.grants.values.filter { lease in
                lease.lastUse.advanced(by: Self.idleTime) > now
                    && now.duration(to: lease.end) < lease.timeToLive * 0.6
            }
            let waiters = state.waiters.values.filter { lease in
                lease.confirmedFrom.advanced(by: lease.timeToLive / 4) < now
            }
            return grants + waiters
        }
        guard let due else { return nil }
        // Nobody waits for the answers: each finds its lease by itself.
        for lease in due { _ = self.keepAlive.send(lease) }
        return Self.pulse
    }
}
#endif
