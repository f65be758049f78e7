public import ColonyCore
import Synchronization

/// A lease engine that passes each call on to another one, and lets go wrong what its plan says.
///
/// ```swift
/// let engine = FaultyLeaseEngine(MemoryLeaseEngine(clock: clock), clock: clock, plan: .onCall(2, .errorAfter))
/// ```
///
/// It has the powers of the engine that it wraps: administration, batches, fairness, and observation, each if the base has
/// it. Calls of all powers meet faults, except ``ColonyCore/LeaseObservation/changes()``.
///
/// A fault never makes the base break its contract: what is granted is granted. It makes the caller see less than what
/// happened, or see it late, which is all that a network does.
public final class FaultyLeaseEngine<Base: LeaseEngine>: LeaseEngine {
    /// The engine that does the work.
    public let base: Base

    private struct State {
        var plan: LeaseFaultPlan
        var generator: SeededGenerator
        var calls: [CallRecord] = []
    }

    private let clock: any MonotonicClock
    private let state: Mutex<State>
    private let gate = Gate()

    /// - Parameters:
    ///   - base: The engine that does the work.
    ///   - clock: On which delays pass; that of the base and of the code under test.
    ///   - seed: What the chance of the plan follows from.
    ///   - plan: What goes wrong; nothing, unless it is given.
    public init(_ base: Base, clock: any MonotonicClock, seed: Seed = 0, plan: LeaseFaultPlan = .none) {
        self.base = base
        self.clock = clock
        self.state = Mutex(State(plan: plan, generator: SeededGenerator(seed: seed)))
    }

    public var guarantee: Guarantee { self.base.guarantee }

    // MARK: Controlling the faults

    /// Replaces the plan for all calls that begin from now on. Calls that hang go on hanging.
    public func follow(_ plan: LeaseFaultPlan) {
        self.state.withLock { $0.plan = plan }
    }

    /// Ends all faults: calls that hang go on to their end, and no later call meets a fault.
    public func heal() {
        self.follow(.none)
        self.gate.open()
    }

    /// How many calls hang at this moment.
    public var hangingCount: Int { self.gate.waiterCount }

    // MARK: History

    /// What happened to one call.
    public struct CallRecord: Sendable, CustomStringConvertible {
        /// What the caller saw.
        public enum Outcome: Hashable, Sendable {
            /// The call has not ended.
            case pending
            /// The caller got an answer.
            case answered
            /// The caller got an error with this code.
            case failed(LeaseError.Code)
        }

        /// What was called.
        public let call: LeaseCall
        /// What went wrong with it, if anything did.
        public let fault: LeaseFault?
        /// When it began, on the injected clock.
        public let start: MonotonicInstant
        /// What the engine answered, as text; `nil` as long as it has not, even if the caller never learns it.
        public internal(set) var effect: String?
        /// What the caller saw.
        public internal(set) var outcome: Outcome

        public var description: String {
            let subject = [self.call.name.map(\.rawValue), self.call.owner.map(\.rawValue)].compactMap(\.self)
            let fault = self.fault.map { ", fault \($0)" } ?? ""
            return "\(self.call.number). \(self.call.operation) \(subject.joined(separator: " by "))\(fault): "
                + "effect \(self.effect ?? "none"), outcome \(self.outcome)"
        }
    }

    /// All calls so far, in the order in which they began. They are kept as long as the engine: this is for tests.
    public var history: [CallRecord] {
        self.state.withLock { $0.calls }
    }

    /// How many calls of an operation have begun.
    public func callCount(of operation: LeaseCall.Operation) -> Int {
        self.state.withLock { state in state.calls.count { $0.call.operation == operation } }
    }

    // MARK: The port

    public func tryAcquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration
    ) async throws(LeaseError) -> Acquisition {
        try await self.pass(.tryAcquire, name, owner) { () async throws(LeaseError) in
            try await self.base.tryAcquire(name, owner: owner, for: duration)
        }
    }

    public func renew(_ lease: Lease, for duration: Duration) async throws(LeaseError) -> Lease? {
        try await self.pass(.renew, lease.name, lease.owner) { () async throws(LeaseError) in
            try await self.base.renew(lease, for: duration)
        }
    }

    @discardableResult
    public func release(_ name: LeaseName, owner: OwnerID, token: FencingToken?) async throws(LeaseError) -> Bool {
        try await self.pass(.release, name, owner) { () async throws(LeaseError) in
            try await self.base.release(name, owner: owner, token: token)
        }
    }

    public func inspect(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try await self.pass(.inspect, name, nil) { () async throws(LeaseError) in
            try await self.base.inspect(name)
        }
    }

    @discardableResult
    public func waitForChange(
        of name: LeaseName, from token: FencingToken, upTo limit: Duration
    ) async throws(LeaseError) -> Bool {
        try await self.pass(.waitForChange, name, nil) { () async throws(LeaseError) in
            try await self.base.waitForChange(of: name, from: token, upTo: limit)
        }
    }

    // MARK: Passing on

    private func pass<Answer>(
        _ operation: LeaseCall.Operation, _ name: LeaseName?, _ owner: OwnerID?,
        _ effect: () async throws(LeaseError) -> Answer
    ) async throws(LeaseError) -> Answer {
        let (index, fault) = self.begin(operation, name, owner)
        do throws(LeaseError) {
            try await self.suffer(fault, on: .request)
            let answer: Answer
            do throws(LeaseError) {
                answer = try await effect()
            } catch {
                self.state.withLock { $0.calls[index].effect = error.description }
                throw error
            }
            self.state.withLock { $0.calls[index].effect = "\(answer)" }
            try await self.suffer(fault, on: .answer)
            self.state.withLock { $0.calls[index].outcome = .answered }
            return answer
        } catch {
            self.state.withLock { $0.calls[index].outcome = .failed(error.code) }
            throw error
        }
    }

    private func begin(
        _ operation: LeaseCall.Operation, _ name: LeaseName?, _ owner: OwnerID?
    ) -> (index: Int, fault: LeaseFault?) {
        let now = self.clock.now
        return self.state.withLock { state in
            let index = state.calls.count
            let call = LeaseCall(number: index + 1, operation: operation, name: name, owner: owner)
            let fault = state.plan.choose(call, &state.generator)
            state.calls.append(CallRecord(call: call, fault: fault, start: now, effect: nil, outcome: .pending))
            return (index, fault)
        }
    }

    private enum Leg { case request, answer }

    private func suffer(_ fault: LeaseFault?, on leg: Leg) async throws(LeaseError) {
        do {
            switch (fault, leg) {
            case (.errorBefore, .request):
                throw LeaseError(.unavailable, "an injected fault lost the request")
            case (.errorAfter, .answer):
                throw LeaseError(.unavailable, "an injected fault lost the answer")
            case (.delayBefore(let delay), .request), (.delayAfter(let delay), .answer):
                try await self.clock.sleep(for: delay)
            case (.hangBefore, .request), (.hangAfter, .answer):
                try await self.gate.pass()
            default:
                break
            }
        } catch let error as LeaseError {
            throw error
        } catch {
            throw LeaseError(.cancelled, "the call was cancelled while an injected fault held it up", cause: error)
        }
    }
}

// MARK: The powers of the base

extension FaultyLeaseEngine: LeaseAdministration where Base: LeaseAdministration {
    public func records(
        withPrefix prefix: String, after name: LeaseName?, limit: Int
    ) async throws(LeaseError) -> [LeaseRecord] {
        try await self.pass(.records, nil, nil) { () async throws(LeaseError) in
            try await self.base.records(withPrefix: prefix, after: name, limit: limit)
        }
    }

    public func breakLease(_ name: LeaseName) async throws(LeaseError) -> LeaseRecord? {
        try await self.pass(.breakLease, name, nil) { () async throws(LeaseError) in
            try await self.base.breakLease(name)
        }
    }
}

extension FaultyLeaseEngine where Base: LeaseAdministration {
    /// How many names are held, as the base counts them.
    public func heldCount() async throws(LeaseError) -> Int {
        try await self.pass(.heldCount, nil, nil) { () async throws(LeaseError) in
            try await self.base.heldCount()
        }
    }
}

extension FaultyLeaseEngine: BatchLeaseEngine where Base: BatchLeaseEngine {
    public func renew(_ leases: [Lease]) async throws(LeaseError) -> [Lease?] {
        try await self.pass(.renewMany, nil, nil) { () async throws(LeaseError) in
            try await self.base.renew(leases)
        }
    }
}

extension FaultyLeaseEngine: FairLeaseEngine where Base: FairLeaseEngine {
    public func acquire(
        _ name: LeaseName, owner: OwnerID, for duration: Duration, upTo limit: Duration
    ) async throws(LeaseError) -> Acquisition {
        try await self.pass(.acquire, name, owner) { () async throws(LeaseError) in
            try await self.base.acquire(name, owner: owner, for: duration, upTo: limit)
        }
    }

    public var deadWaiterBound: Duration { self.base.deadWaiterBound }
}

extension FaultyLeaseEngine: LeaseObservation where Base: LeaseObservation {
    public func changes() -> AsyncStream<Void> { self.base.changes() }
}
