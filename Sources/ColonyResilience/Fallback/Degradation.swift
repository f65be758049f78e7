public import ColonyCore
import Synchronization

/// The features of a process that can be degraded, by name, for consoles and for one load that concerns them all.
public final class Degradation: Sendable {
    /// The most features in one list.
    public static let maximumFeatures = 10_000

    private let clock: any MonotonicClock
    private let switches = Mutex<[String: DegradationSwitch]>([:])

    /// Makes a list without features.
    public init(clock: any MonotonicClock = HostClock()) {
        self.clock = clock
    }

    /// The switch of a feature, made if it is not there. Keep it: the look-up takes a lock, the switch does not.
    ///
    /// - Parameters:
    ///   - name: 1 to 255 bytes of UTF-8 without control characters.
    ///   - grades: For a switch that is made; one that is there keeps its own.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration` for a bad name, and beyond ``maximumFeatures``.
    public func feature(_ name: String, grades: LoadGrades? = nil) throws(ResilienceError) -> DegradationSwitch {
        if let defect = NameRules.defect(in: name) {
            throw ResilienceError(.invalidConfiguration, "\(NameRules.quoted(name)) cannot be a feature: \(defect)")
        }
        let found = self.switches.withLock { switches -> DegradationSwitch? in
            if let present = switches[name] { return present }
            guard switches.count < Self.maximumFeatures else { return nil }
            let new = DegradationSwitch(name, grades: grades, clock: self.clock)
            switches[name] = new
            return new
        }
        guard let found else {
            throw ResilienceError(.invalidConfiguration, "there are \(Self.maximumFeatures) features already")
        }
        return found
    }

    /// All features, in the order of their names.
    public var features: [DegradationSwitch] {
        self.switches.withLock { $0.values.sorted { $0.name < $1.name } }
    }

    /// Reports a load that concerns every feature that has grades.
    public func report(load: Double) {
        for feature in self.features { feature.report(load: load) }
    }
}
