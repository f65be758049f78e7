/// The decisions of a load shedder: measured load in, admissions out.
///
/// One number, the *depth*, says how much is shed: its whole part is how many of the lowest priorities are shed altogether, and the rest
/// is the share of the next one. It rises with each sample above the upper mark and falls with each below the lower one; between them
/// it stays, so that shedding, which lowers the load, does not end itself at once. It rises faster than it falls: overload grows by
/// itself, calm does not.
package struct LoadShedderState: Sendable {
    package private(set) var depth = 0.0
    private let options: LoadShedderOptions
    private var generator: any RandomNumberGenerator & Sendable

    package init(_ options: LoadShedderOptions, generator: any RandomNumberGenerator & Sendable) {
        self.options = options
        self.generator = generator
    }

    /// Takes in a measured load.
    package mutating func note(load: Double) {
        guard load.isFinite else { return }
        if load >= self.options.high {
            self.depth = min(Self.greatestDepth, self.depth + self.options.rise)
        } else if load < self.options.low {
            self.depth = max(0, self.depth - self.options.fall)
        }
    }

    /// Whether a call of this priority may go on.
    package mutating func admits(_ priority: CallPriority) -> Bool {
        let share = self.depth - Double(priority.rawValue)
        if share <= 0 { return true }
        if share >= 1 { return false }
        return Double.random(in: 0..<1, using: &self.generator) >= share
    }

    /// All priorities but the critical one.
    private static let greatestDepth = Double(CallPriority.critical.rawValue)
}
