public import ColonyCore

/// What goes wrong with one call of a ``FaultyLeaseEngine``.
public enum LeaseFault: Hashable, Sendable {
    /// The call fails with `unavailable` and never reached the engine.
    case errorBefore
    /// The engine acts, but its answer is lost: the call fails with `unavailable`.
    case errorAfter
    /// The call reaches the engine this much later, on the injected clock.
    case delayBefore(Duration)
    /// The engine acts at once, and its answer arrives this much later.
    case delayAfter(Duration)
    /// The call is stuck on its way to the engine until the engine is healed or the call is cancelled.
    case hangBefore
    /// The engine acts at once, and its answer is stuck until the engine is healed or the call is cancelled.
    case hangAfter
}

/// One call of a lease engine, as a plan of faults sees it.
public struct LeaseCall: Hashable, Sendable {
    /// The members of the port and of its powers.
    public enum Operation: String, Hashable, Sendable, CaseIterable {
        case tryAcquire, renew, release, inspect, waitForChange, records, breakLease, heldCount, renewMany, acquire
    }

    /// The how manieth call of the engine this is, from 1.
    public let number: Int
    /// Which member was called.
    public let operation: Operation
    /// The name that the call is about; `nil` for calls about several.
    public let name: LeaseName?
    /// The owner that the call is about, if it is about one.
    public let owner: OwnerID?
}

/// Decides for each call of a ``FaultyLeaseEngine`` what goes wrong with it.
public struct LeaseFaultPlan: Sendable {
    let choose: @Sendable (_ call: LeaseCall, _ generator: inout SeededGenerator) -> LeaseFault?

    /// A plan of your own.
    ///
    /// - Parameter choose: Called once per call, in the order in which calls begin and not concurrently. It may draw from
    ///   the generator, which follows from the seed of the engine. It must not call the engine.
    public init(_ choose: @escaping @Sendable (_ call: LeaseCall, _ generator: inout SeededGenerator) -> LeaseFault?) {
        self.choose = choose
    }

    /// Nothing goes wrong.
    public static let none = LeaseFaultPlan { _, _ in nil }

    /// Every call meets the same fault: an engine that is down, or hangs.
    public static func always(_ fault: LeaseFault) -> LeaseFaultPlan {
        LeaseFaultPlan { _, _ in fault }
    }

    /// The calls of one operation meet a fault, and no others.
    public static func on(_ operation: LeaseCall.Operation, _ fault: LeaseFault) -> LeaseFaultPlan {
        LeaseFaultPlan { call, _ in call.operation == operation ? fault : nil }
    }

    /// The first call meets the first fault of the list, and so on; those after its end meet none.
    public static func script(_ faults: [LeaseFault?]) -> LeaseFaultPlan {
        LeaseFaultPlan { call, _ in call.number <= faults.count ? faults[call.number - 1] : nil }
    }

    /// Only the call of this number meets a fault: for sweeps that let call 1, then 2, then 3 fail.
    public static func onCall(_ number: Int, _ fault: LeaseFault) -> LeaseFaultPlan {
        LeaseFaultPlan { call, _ in call.number == number ? fault : nil }
    }

    /// Chance decides, with these probabilities for each call.
    ///
    /// - Parameter probabilities: What shares of the calls meet which fault; each at least 0, together at most 1.
    public static func random(_ probabilities: Probabilities) -> LeaseFaultPlan {
        LeaseFaultPlan { _, generator in probabilities.draw(using: &generator) }
    }

    /// What share of the calls meets which fault.
    public struct Probabilities: Hashable, Sendable {
        /// The share of calls that fail and never reach the engine.
        public var errorBefore: Double
        /// The share of calls whose answer is lost.
        public var errorAfter: Double
        /// The share of calls that reach the engine late.
        public var delayBefore: Double
        /// The share of calls whose answer is late.
        public var delayAfter: Double
        /// The share of calls that are stuck on their way to the engine.
        public var hangBefore: Double
        /// The share of calls whose answer is stuck.
        public var hangAfter: Double
        /// Delays are drawn evenly from zero to this.
        public var longestDelay: Duration

        /// Makes probabilities; what is not given does not happen.
        ///
        /// - Parameter longestDelay: Zero or more, on the injected clock.
        public init(
            errorBefore: Double = 0, errorAfter: Double = 0, delayBefore: Double = 0, delayAfter: Double = 0,
            hangBefore: Double = 0, hangAfter: Double = 0, longestDelay: Duration = .seconds(1)
        ) {
            let all = [errorBefore, errorAfter, delayBefore, delayAfter, hangBefore, hangAfter]
            precondition(
                all.allSatisfy { $0 >= 0 } && all.reduce(0, +) <= 1.000_001,
                "probabilities are at least 0 and together at most 1, and \(all) are not")
            precondition(longestDelay >= .zero, "the longest delay is zero or more, not \(longestDelay)")
            self.errorBefore = errorBefore
            self.errorAfter = errorAfter
            self.delayBefore = delayBefore
            self.delayAfter = delayAfter
            self.hangBefore = hangBefore
            self.hangAfter = hangAfter
            self.longestDelay = longestDelay
        }

        func draw(using generator: inout SeededGenerator) -> LeaseFault? {
            // Both numbers are drawn for every call, so that a changed probability does not shift all later draws.
            var rest = Double.random(in: 0..<1, using: &generator)
            let nanoseconds = Int64.random(in: 0...self.longestDelay.clampedNanoseconds, using: &generator)
            let choices: [(Double, LeaseFault)] = [
                (self.errorBefore, .errorBefore), (self.errorAfter, .errorAfter),
                (self.delayBefore, .delayBefore(.nanoseconds(nanoseconds))),
                (self.delayAfter, .delayAfter(.nanoseconds(nanoseconds))),
                (self.hangBefore, .hangBefore), (self.hangAfter, .hangAfter),
            ]
            for (probability, fault) in choices {
                if rest < probability { return fault }
                rest -= probability
            }
            return nil
        }
    }
}
