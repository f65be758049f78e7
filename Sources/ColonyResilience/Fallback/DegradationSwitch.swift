public import ColonyCore
public import Synchronization

/// How much of one named feature is offered, set by operators or by load and read in a nanosecond.
///
/// ```swift
/// let recommendations = try DegradationSwitch("recommendations", grades: LoadGrades())
/// switch recommendations.level {
/// case .full: return try await model.personal(for: user)
/// case .reduced: return try await cache.popular(in: user.country)
/// case .minimal, .off: return []
/// }
/// ```
///
/// What an operator sets holds until it is taken back, whatever the load is. As a layer of a pipeline the switch refuses calls at `off`.
public final class DegradationSwitch: ResilienceLayer {
    /// The feature.
    public let name: String

    private struct State {
        var forced: DegradationLevel?
        var grading: LoadGrading?
    }

    @usableFromInline let present = Atomic<UInt8>(DegradationLevel.full.rawValue)
    private let clock: any MonotonicClock
    private let state: Mutex<State>
    private let hub = ListenerHub<DegradationChange>()

    /// Makes a switch at `full`.
    ///
    /// - Parameters:
    ///   - name: The feature, for consoles and logs.
    ///   - grades: Which load asks for which level; `nil` for a switch that only operators move.
    ///   - clock: What recovery is counted on.
    public init(_ name: String, grades: LoadGrades? = nil, clock: any MonotonicClock = HostClock()) {
        self.name = name
        self.clock = clock
        self.state = Mutex(State(grading: grades.map { LoadGrading($0) }))
    }

    /// The present level.
    ///
    /// - Complexity: One load from memory.
    @inlinable
    public var level: DegradationLevel {
        DegradationLevel(rawValue: self.present.load(ordering: .relaxed)) ?? .full
    }

    /// What an operator has set, or `nil`.
    public var forcedLevel: DegradationLevel? { self.state.withLock { $0.forced } }

    /// Sets a level that holds whatever the load is; `nil` takes it back. Setting the same again changes nothing.
    public func force(_ level: DegradationLevel?) {
        self.change { $0.forced = level }
    }

    /// Reports the present load, in the unit of the grades. Without grades it changes nothing.
    ///
    /// Call it about once a second. A load that is not a number counts as the highest.
    public func report(load: Double) {
        let now = self.clock.now
        self.change { _ = $0.grading?.report(load, at: now) }
    }

    private func change(_ body: (inout State) -> Void) {
        self.state.withLock { state in
            body(&state)
            let level = state.forced ?? state.grading?.level ?? .full
            let former = DegradationLevel(rawValue: self.present.exchange(level.rawValue, ordering: .relaxed)) ?? .full
            guard former != level else { return }
            // Told under the lock, so that changes are told in their order; a listener's buffer never waits.
            self.hub.send(DegradationChange(name: self.name, from: former, to: level, isForced: state.forced != nil))
        }
    }

    /// Changes of the level from now on.
    ///
    /// - Parameter limit: How many are kept for a slow reader, at least one: the latest; older ones are dropped.
    public func changes(buffering limit: Int = 16) -> AsyncStream<DegradationChange> {
        self.hub.listen(keepingNewest: limit)
    }

    /// Runs an operation unless the feature is off.
    ///
    /// - Throws: ``ResilienceError`` with code `disabled` if it is off; then nothing was started.
    @inlinable
    public func execute<Value>(_ operation: () async throws -> Value) async throws -> Value {
        guard self.level != .off else { throw self.refusal }
        return try await operation()
    }

    @usableFromInline
    var refusal: ResilienceError { ResilienceError(.disabled, "\(self.name) is switched off") }
}

/// A change of the level of a feature.
public struct DegradationChange: Hashable, Sendable {
    /// The feature.
    public let name: String
    /// The level before.
    public let from: DegradationLevel
    /// The level from now on.
    public let to: DegradationLevel
    /// Whether an operator has set it.
    public let isForced: Bool
}
