public import ColonyCore
public import ColonyQueues
import Synchronization

/// An engine of queues that passes each call on to another one, and lets go wrong what its plan says.
///
/// ```swift
/// let engine = FaultyQueueEngine(MemoryQueueEngine(clock: clock), clock: clock) { call, _ in
///     call.number == 3 ? .errorAfter : nil
/// }
/// ```
///
/// A fault never makes the base break its contract: what was stored is stored, and what was handed out is leased. It makes the caller
/// see less than what happened, or see it late, which is all that a network or a disk does.
public final class FaultyQueueEngine: QueueEngine {
    /// A member of the port.
    public enum Member: Hashable, Sendable, CaseIterable {
        case declare, publish, receive, settle, cancel, waitForChange
    }

    /// One call of the port.
    public struct Call: Hashable, Sendable {
        /// In the order in which calls begin, from 1.
        public let number: Int
        /// What was called.
        public let member: Member
    }

    /// Decides what goes wrong with a call. Called once per call, in the order in which calls begin and not concurrently. It may draw from
    /// the generator, which follows from the seed of the engine.
    public typealias Plan = @Sendable (_ call: Call, _ generator: inout SeededGenerator) -> LeaseFault?

    private struct State {
        var plan: Plan
        var generator: SeededGenerator
        var calls = 0
        var observer: (@Sendable (Call) -> Void)?
    }

    /// The engine that does the work.
    public let base: any QueueEngine
    private let clock: any MonotonicClock
    private let state: Mutex<State>
    private let gate = Gate()

    /// Wraps an engine.
    ///
    /// - Parameters:
    ///   - base: The engine that does the work.
    ///   - clock: On which delays pass; that of the code under test.
    ///   - seed: What the chance of the plan follows from.
    ///   - plan: What goes wrong; nothing, unless it is given.
    public init(
        _ base: any QueueEngine, clock: any MonotonicClock, seed: Seed = 0, plan: @escaping Plan = { _, _ in nil }
    ) {
        self.base = base
        self.clock = clock
        self.state = Mutex(State(plan: plan, generator: SeededGenerator(seed: seed)))
    }

    /// That of the base.
    public var durability: Durability { self.base.durability }

    // MARK: Controlling the faults

    /// Replaces the plan for all calls that begin from now on. Calls that hang go on hanging.
    public func follow(_ plan: @escaping Plan) {
        self.state.withLock { $0.plan = plan }
    }

    /// Ends all faults: calls that hang go on to their end, and no later call meets a fault.
    public func heal() {
        self.follow { _, _ in nil }
        self.gate.open()
    }

    /// Has `observer` called at the beginning of each call, before anything can go wrong with it.
    public func observe(_ observer: @escaping @Sendable (Call) -> Void) {
        self.state.withLock { $0.observer = observer }
    }

    /// How many calls hang at this moment.
    public var hangingCount: Int { self.gate.waiterCount }

    /// How many calls have begun.
    public var callCount: Int { self.state.withLock { $0.calls } }

    // MARK: The port

    /// Declares a queue of the base, unless the plan says otherwise.
    @discardableResult
    public func declare(_ queue: QueueName, _ settings: QueueSettings) async throws(QueueError) -> Bool {
        let fault = try await self.begin(.declare)
        let answer = try await self.base.declare(queue, settings)
        try await self.end(fault)
        return answer
    }

    /// Publishes through the base, unless the plan says otherwise.
    public func publish(
        _ messages: [OutgoingMessage], to queue: QueueName
    ) async throws(QueueError) -> [PublishOutcome] {
        let fault = try await self.begin(.publish)
        let answer = try await self.base.publish(messages, to: queue)
        try await self.end(fault)
        return answer
    }

    /// Receives through the base, unless the plan says otherwise.
    public func receive(
        _ limit: Int, from queue: QueueName, lease: Duration
    ) async throws(QueueError) -> [Delivery] {
        let fault = try await self.begin(.receive)
        let answer = try await self.base.receive(limit, from: queue, lease: lease)
        try await self.end(fault)
        return answer
    }

    /// Settles through the base, unless the plan says otherwise.
    public func settle(
        _ settlements: [Settlement], in queue: QueueName
    ) async throws(QueueError) -> [SettlementOutcome] {
        let fault = try await self.begin(.settle)
        let answer = try await self.base.settle(settlements, in: queue)
        try await self.end(fault)
        return answer
    }

    /// Takes messages back through the base, unless the plan says otherwise.
    public func cancel(_ ids: [MessageID], in queue: QueueName) async throws(QueueError) -> [Bool] {
        let fault = try await self.begin(.cancel)
        let answer = try await self.base.cancel(ids, in: queue)
        try await self.end(fault)
        return answer
    }

    /// Waits for a change of the base, unless the plan says otherwise.
    public func waitForChange(
        of queue: QueueName, since seen: Int64, upTo limit: Duration
    ) async throws(QueueError) -> Int64 {
        let fault = try await self.begin(.waitForChange)
        let answer = try await self.base.waitForChange(of: queue, since: seen, upTo: limit)
        try await self.end(fault)
        return answer
    }

    private func begin(_ member: Member) async throws(QueueError) -> LeaseFault? {
        let (fault, call, observer) = self.state.withLock { state in
            state.calls += 1
            let call = Call(number: state.calls, member: member)
            return (state.plan(call, &state.generator), call, state.observer)
        }
        observer?(call)
        try await self.suffer(fault, onAnswer: false)
        return fault
    }

    private func end(_ fault: LeaseFault?) async throws(QueueError) {
        try await self.suffer(fault, onAnswer: true)
    }

    private func suffer(_ fault: LeaseFault?, onAnswer: Bool) async throws(QueueError) {
        do {
            switch (fault, onAnswer) {
            case (.errorBefore, false):
                throw QueueError(.unavailable, "an injected fault lost the request")
            case (.errorAfter, true):
                throw QueueError(.unavailable, "an injected fault lost the answer")
            case (.delayBefore(let delay), false), (.delayAfter(let delay), true):
                try await self.clock.sleep(for: delay)
            case (.hangBefore, false), (.hangAfter, true):
                try await self.gate.pass()
            default:
                break
            }
        } catch let error as QueueError {
            throw error
        } catch {
            throw QueueError(
                .cancelled, "the call was cancelled while an injected fault held it up", cause: error)
        }
    }
}
