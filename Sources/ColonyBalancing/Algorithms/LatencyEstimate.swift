#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

// A moving average of latency that believes bad news at once and good news slowly.
//
// A plain average needs many slow calls until it shows that an endpoint stalls, and all of them wait. This one rises to every peak at once
// and decays over a fixed time, so that one slow call is enough to look elsewhere, and an endpoint that nobody asks any more is forgiven.
//
// Deviation. Estimate and moment share one word, so that threads replace both together without a lock; the moment is kept in units of about
// a millisecond, and at most one call within such a unit moves the average unless it is a peak.
//
// Reference: Finagle, com.twitter.finagle.loadbalancer.PeakEwma; the moment's decay follows its `Metric`.

/// An estimate of latency with the moment of its last change, in one word.
struct LatencyEstimate: Hashable, Sendable {
    /// The estimate in the upper half, as a floating-point number of nanoseconds; the moment in the lower one.
    let word: UInt64

    /// Nothing is known yet.
    static let unknown = LatencyEstimate(word: 0)

    init(word: UInt64) {
        self.word = word
    }

    private init(nanoseconds: Float, moment: UInt32) {
        self.word = UInt64(nanoseconds.bitPattern) << 32 | UInt64(moment)
    }

    /// The estimate when it was last changed; 0 if nothing is known.
    var nanoseconds: Float { Float(bitPattern: UInt32(truncatingIfNeeded: self.word >> 32)) }

    private var moment: UInt32 { UInt32(truncatingIfNeeded: self.word) }

    private static func moment(_ now: Int64) -> UInt32 { UInt32(truncatingIfNeeded: now >> 20) }

    /// The factor by which the estimate has fallen since, if it falls to 1/e within `decay` nanoseconds.
    private func remainder(at now: Int64, decay: Float) -> Float {
        let age = Int32(bitPattern: Self.moment(now) &- self.moment)
        return age <= 0 ? 1 : exp(-Float(age) * 1_048_576 / decay)
    }

    /// The estimate at a moment.
    func nanoseconds(at now: Int64, decay: Float) -> Float {
        self.nanoseconds * self.remainder(at: now, decay: decay)
    }

    /// The estimate after a call.
    ///
    /// - Parameter hasFailed: The latency of a failed call counts only if it is higher than the estimate, which does not fall either: who fails
    ///   fast is not fast. If nothing was known, a hundredth of the decay is assumed.
    func adding(_ latency: Int64, hasFailed: Bool, at now: Int64, decay: Float) -> LatencyEstimate {
        let latency = max(1, hasFailed && self == .unknown ? max(Float(latency), decay / 100) : Float(latency))
        let moment = Self.moment(now)
        if latency >= self.nanoseconds { return LatencyEstimate(nanoseconds: latency, moment: moment) }
        if hasFailed { return LatencyEstimate(nanoseconds: self.nanoseconds, moment: moment) }
        if moment == self.moment { return self }
        let rest = self.remainder(at: now, decay: decay)
        return LatencyEstimate(nanoseconds: self.nanoseconds * rest + latency * (1 - rest), moment: moment)
    }
}
