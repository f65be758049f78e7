public import ColonyCore
public import ColonyIdentifiers
import Synchronization

/// A segment engine that passes each call on to another one, and lets go wrong what its plan says.
///
/// ```swift
/// let engine = FaultySegmentEngine(MemorySegmentEngine(), clock: clock) { call, _ in call == 2 ? .errorAfter : nil }
/// ```
///
/// Only ``takeSegment(_:)`` meets faults. A fault never makes the base break its contract: a range that is taken is taken.
/// It makes the caller see less than what happened, or see it late, which is all that a network does.
public final class FaultySegmentEngine<Base: SegmentEngine>: SegmentEngine {
    /// Decides what goes wrong with a call. Called once per call, in the order in which calls begin and not concurrently;
    /// calls are counted from 1. It may draw from the generator, which follows from the seed of the engine.
    public typealias Plan = @Sendable (_ call: Int, _ generator: inout SeededGenerator) -> LeaseFault?

    /// The engine that does the work.
    public let base: Base

    private struct State {
        var plan: Plan
        var generator: SeededGenerator
        var calls = 0
        var taken: [Segment] = []
        var delivered: [Segment] = []
    }

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
        _ base: Base, clock: any MonotonicClock, seed: Seed = 0, plan: @escaping Plan = { _, _ in nil }
    ) {
        self.base = base
        self.clock = clock
        self.state = Mutex(State(plan: plan, generator: SeededGenerator(seed: seed)))
    }

    public var guarantee: Guarantee { self.base.guarantee }

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

    /// How many calls hang at this moment.
    public var hangingCount: Int { self.gate.waiterCount }

    /// How many calls of ``takeSegment(_:)`` have begun.
    public var callCount: Int { self.state.withLock { $0.calls } }

    /// The ranges that the base gave, whether or not a caller learned of them, in the order in which it gave them.
    public var taken: [Segment] { self.state.withLock { $0.taken } }

    /// The ranges that callers learned of.
    public var delivered: [Segment] { self.state.withLock { $0.delivered } }

    // MARK: The port

    /// Takes a range of the base, unless the plan says otherwise.
    public func takeSegment(_ request: SegmentRequest) async throws(IdentifierError) -> Segment {
        let fault = self.state.withLock { state -> LeaseFault? in
            state.calls += 1
            return state.plan(state.calls, &state.generator)
        }
        try await self.suffer(fault, onAnswer: false)
        let segment = try await self.base.takeSegment(request)
        self.state.withLock { $0.taken.append(segment) }
        try await self.suffer(fault, onAnswer: true)
        self.state.withLock { $0.delivered.append(segment) }
        return segment
    }

    public func inspect(_ tag: SegmentTag) async throws(IdentifierError) -> SegmentRecord? {
        try await self.base.inspect(tag)
    }

    public func records(after tag: SegmentTag?, limit: Int) async throws(IdentifierError) -> [SegmentRecord] {
        try await self.base.records(after: tag, limit: limit)
    }

    private func suffer(_ fault: LeaseFault?, onAnswer: Bool) async throws(IdentifierError) {
        do {
            switch (fault, onAnswer) {
            case (.errorBefore, false):
                throw IdentifierError(.unavailable, "an injected fault lost the request")
            case (.errorAfter, true):
                throw IdentifierError(.unavailable, "an injected fault lost the answer")
            case (.delayBefore(let delay), false), (.delayAfter(let delay), true):
                try await self.clock.sleep(for: delay)
            case (.hangBefore, false), (.hangAfter, true):
                try await self.gate.pass()
            default:
                break
            }
        } catch let error as IdentifierError {
            throw error
        } catch {
            throw IdentifierError(
                .cancelled, "the call was cancelled while an injected fault held it up", cause: error)
        }
    }
}
