import ColonyCore
import ColonySimulation
import Synchronization

/// The clock of one simulated process: it started elsewhere, runs at a rate of its own, and may jump ahead, as a host's does
/// when it was suspended.
final class SkewedClock: MonotonicClock {
    private let clock: ManualClock
    private let baseStart: MonotonicInstant
    private let rate: Double
    private let offset: Mutex<Int64>

    init(_ clock: ManualClock, rate: Double, start: Int64) {
        self.clock = clock
        self.baseStart = clock.now
        self.rate = rate
        self.offset = Mutex(start)
    }

    var now: MonotonicInstant { self.local(self.clock.now) }

    var minimumResolution: Duration { .nanoseconds(1) }

    func jump(by duration: Duration) {
        self.offset.withLock { $0 += duration.components.seconds * 1_000_000_000 }
    }

    func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
        // A jump during the sleep makes it end late by this clock, as a timer does when the host was suspended.
        let remaining = Double(deadline.nanoseconds - self.now.nanoseconds) / self.rate
        try await self.clock.sleep(for: .nanoseconds(Int64(max(0, remaining.rounded(.up)))))
    }

    private func local(_ instant: MonotonicInstant) -> MonotonicInstant {
        let elapsed = Double(instant.nanoseconds - self.baseStart.nanoseconds) * self.rate
        return MonotonicInstant(nanoseconds: Int64(elapsed) + self.offset.withLock { $0 })
    }
}

/// What a process sees of a store on another host: durations only, counted on its own clock from before each request.
final class SkewedClient<Store: LeaseEngine>: LeaseEngine {
    private let store: Store
    private let clock: SkewedClock

    init(_ store: Store, clock: SkewedClock) {
        self.store = store
        self.clock = clock
    }

    var guarantee: Guarantee { self.store.guarantee }

    func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        let sentAt = self.clock.now
        switch try await self.store.tryAcquire(name, owner: owner, for: duration) {
        case .granted(let lease): return .granted(self.localized(lease, sentAt))
        case .held(let holder): return .held(holder)
        }
    }

    func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        let sentAt = self.clock.now
        return try await self.store.renew(lease, for: duration).map { self.localized($0, sentAt) }
    }

    func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.store.release(name, owner: owner, token: token)
    }

    func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try await self.store.inspect(name)
    }

    func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.store.waitForChange(of: name, from: token, upTo: limit)
    }

    private func localized(_ lease: Lease, _ sentAt: MonotonicInstant) -> Lease {
        Lease(
            name: lease.name, owner: lease.owner, token: lease.token, duration: lease.duration,
            expiry: sentAt.advanced(by: lease.duration))
    }
}
