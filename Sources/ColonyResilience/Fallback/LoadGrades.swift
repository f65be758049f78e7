package import ColonyCore

/// Which load asks for which level: a rule with a gap between going down and coming back, so that a feature does not flicker.
public struct LoadGrades: Hashable, Sendable {
    /// From which load on a feature is reduced.
    public let reducedFrom: Double
    /// From which load on it is minimal.
    public let minimalFrom: Double
    /// From which load on it is off; `nil` for never.
    public let offFrom: Double?
    /// How far the load must fall below a bound before the level comes back.
    public let gap: Double
    /// How long it must stay there.
    public let recovery: Duration

    /// Makes a rule from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - reducedFrom: Above zero, such as 0.7 of the capacity. The unit is that of the loads that are reported.
    ///   - minimalFrom: At least `reducedFrom`.
    ///   - offFrom: At least `minimalFrom`; `nil` for a feature that load alone never switches off.
    ///   - gap: From zero, below `reducedFrom`.
    ///   - recovery: From zero to a day. Each level that comes back takes as long again.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public init(
        reducedFrom: Double = 0.7, minimalFrom: Double = 0.85, offFrom: Double? = nil, gap: Double = 0.1,
        recovery: Duration = .seconds(10)
    ) throws(ResilienceError) {
        func refuse(_ message: String) -> ResilienceError { ResilienceError(.invalidConfiguration, message) }
        // Comparisons with NaN are false, so it is refused as well.
        guard reducedFrom > 0, reducedFrom.isFinite else {
            throw refuse("a load of \(reducedFrom) is no bound: above zero")
        }
        guard minimalFrom >= reducedFrom, minimalFrom.isFinite else {
            throw refuse("a load of \(minimalFrom) is no second bound: from the first, \(reducedFrom)")
        }
        if let offFrom, !(offFrom >= minimalFrom && offFrom.isFinite) {
            throw refuse("a load of \(offFrom) is no third bound: from the second, \(minimalFrom)")
        }
        guard gap >= 0, gap < reducedFrom else {
            throw refuse("a gap of \(gap) is not possible: from zero, below the first bound, \(reducedFrom)")
        }
        guard recovery >= .zero, recovery <= .seconds(86_400) else {
            throw refuse("a recovery of \(recovery) is not possible: from zero to a day")
        }
        self.reducedFrom = reducedFrom
        self.minimalFrom = minimalFrom
        self.offFrom = offFrom
        self.gap = gap
        self.recovery = recovery
    }

    /// The level that a load asks for by itself.
    func level(of load: Double, lowered by: Double = 0) -> DegradationLevel {
        if let offFrom, load >= offFrom - by { return .off }
        if load >= self.minimalFrom - by { return .minimal }
        return load >= self.reducedFrom - by ? .reduced : .full
    }
}

/// The level that follows from the loads so far: at once upwards, one step at a time and after a while back.
package struct LoadGrading: Sendable {
    private let grades: LoadGrades
    /// The present level.
    package private(set) var level = DegradationLevel.full
    /// Since when the load has been low enough for the next better level.
    private var calmSince: MonotonicInstant?

    package init(_ grades: LoadGrades) {
        self.grades = grades
    }

    /// Takes a load and gives the level that follows. A load that is not a number counts as the highest: who cannot measure is in trouble.
    package mutating func report(_ load: Double, at now: MonotonicInstant) -> DegradationLevel {
        let load = load.isNaN ? .infinity : load
        let asked = self.grades.level(of: load)
        if asked >= self.level {
            self.level = asked
            self.calmSince = nil
            return self.level
        }
        guard self.grades.level(of: load, lowered: self.grades.gap) < self.level else {
            self.calmSince = nil
            return self.level
        }
        let since = self.calmSince ?? now
        self.calmSince = since
        if since.duration(to: now) >= self.grades.recovery {
            self.level = DegradationLevel(rawValue: self.level.rawValue - 1) ?? .full
            self.calmSince = now
        }
        return self.level
    }
}
