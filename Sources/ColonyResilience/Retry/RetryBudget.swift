public import ColonyCore
import Synchronization

/// How many retries and hedges may be added to the calls that are made anyway, for all layers and clients that share it.
///
/// Three attempts for each call are fine while one call in a hundred fails, and triple the load on a service exactly when it fails for
/// too much load. A budget bounds the whole: each call puts a fraction of a retry in, each retry takes one out, and what was put in
/// longer than ``window`` ago is forgotten. In any window there are at most
///
///     ratio · calls in the window + minimumPerSecond · window
///
/// retries, so that a service in trouble sees its load times one plus the ratio, and a client that calls seldom can still retry.
///
/// Share one budget among all that call the same service. It is lock-free where calls put in, and takes a short lock for a retry.
///
/// 1. Twitter Finagle, `RetryBudget` (`com.twitter.finagle.service`): 20 % of the requests and ten a second, in a window of ten seconds.
/// 2. B. Beyer et al., *Site Reliability Engineering*, O'Reilly 2016, chapter 21, "Deciding to Retry": a budget of 10 % for each client.
public final class RetryBudget: Sendable {
    /// Retries for each call.
    public let ratio: Double
    /// Retries for each second, whatever is called.
    public let minimumPerSecond: Double
    /// How long a call counts.
    public let window: Duration

    /// The window is counted in so many slices; a slice is forgotten as a whole.
    private static let sliceCount: Int64 = 10
    /// The slices of retries: one more than of calls. A window that begins within a slice touches eleven, and a retry must count for
    /// as long as a window can hold it, or twice as many would fit into one.
    private static let retrySliceCount: Int64 = sliceCount + 1
    /// A slice: its number in the upper half, which tells whether its count is of this round, and a count in the lower half.
    private static let countMask: UInt64 = 0xFFFF_FFFF

    private final class Slice: Sendable {
        let word = Atomic<UInt64>(0)
    }

    private struct Withdrawals {
        var slices = [UInt64](repeating: 0, count: Int(RetryBudget.retrySliceCount))
        var granted: UInt64 = 0
        var refused: UInt64 = 0
    }

    private let clock: any MonotonicClock
    private let sliceNanoseconds: Int64
    private let reserve: Double
    private let deposits: [Slice]
    private let withdrawals = Mutex(Withdrawals())

    /// A budget of one retry for five calls, and ten a second besides.
    public convenience init(clock: any MonotonicClock = HostClock()) {
        self.init(unchecked: 0.2, minimumPerSecond: 10, window: .seconds(10), clock: clock)
    }

    /// Makes a budget from numbers that may come from outside.
    ///
    /// - Parameters:
    ///   - ratio: Retries for each call, from 0 to 100; 0.2 adds at most a fifth to the load.
    ///   - minimumPerSecond: Retries for each second whatever is called, from 0 to 1,000,000. Those of a whole window may come at once.
    ///   - window: How long a call counts, from one second to one hour. Ten seconds forgets a good past soon enough.
    /// - Throws: ``ResilienceError`` with code `invalidConfiguration`, which quotes the value.
    public convenience init(
        ratio: Double, minimumPerSecond: Double = 10, window: Duration = .seconds(10),
        clock: any MonotonicClock = HostClock()
    ) throws(ResilienceError) {
        // Comparisons with NaN are false, so it is refused as well.
        guard ratio >= 0, ratio <= 100 else {
            throw ResilienceError(
                .invalidConfiguration, "a budget of \(ratio) retries a call is not possible: from 0 to 100")
        }
        guard minimumPerSecond >= 0, minimumPerSecond <= 1_000_000 else {
            throw ResilienceError(
                .invalidConfiguration,
                "a minimum of \(minimumPerSecond) retries a second is not possible: from 0 to 1000000")
        }
        guard window >= .seconds(1), window <= .seconds(3_600) else {
            throw ResilienceError(
                .invalidConfiguration, "a budget over \(window) is not possible: from one second to one hour")
        }
        self.init(unchecked: ratio, minimumPerSecond: minimumPerSecond, window: window, clock: clock)
    }

    private init(unchecked ratio: Double, minimumPerSecond: Double, window: Duration, clock: any MonotonicClock) {
        self.ratio = ratio
        self.minimumPerSecond = minimumPerSecond
        self.window = window
        self.clock = clock
        self.sliceNanoseconds = window.clampedNanoseconds / Self.sliceCount
        self.reserve = minimumPerSecond * Double(window.clampedNanoseconds) / 1e9
        self.deposits = (0..<Self.sliceCount).map { _ in Slice() }
    }

    /// Counts a call that is made anyway.
    ///
    /// - Complexity: O(1), lock-free; one reading of the clock.
    public func deposit() { self.deposit(at: self.clock.now) }

    /// Takes a retry out, if there is one.
    ///
    /// - Returns: Whether the retry may be made. A refusal takes nothing.
    public func withdraw() -> Bool { self.withdraw(at: self.clock.now) }

    /// How many retries could be made now.
    public var balance: Double {
        let now = self.clock.now
        return self.withdrawals.withLock { max(0, self.balance($0, at: self.round(of: now))) }
    }

    /// Retries that were granted and refused since the budget was made.
    public var statistics: (granted: UInt64, refused: UInt64) {
        self.withdrawals.withLock { ($0.granted, $0.refused) }
    }
}

// MARK: - Counting

extension RetryBudget {
    /// The number of the slice in which an instant lies; from 1, so that a slice that was never used is of another round.
    private func round(of now: MonotonicInstant) -> UInt64 {
        UInt64(max(0, now.nanoseconds) / self.sliceNanoseconds + 1)
    }

    private func index(_ round: UInt64) -> Int { Int(round % UInt64(Self.sliceCount)) }

    private func retryIndex(_ round: UInt64) -> Int { Int(round % UInt64(Self.retrySliceCount)) }

    /// A word with one call in a slice of this round.
    private func word(_ round: UInt64, count: UInt64) -> UInt64 { (round & Self.countMask) << 32 | count }

    package func deposit(at now: MonotonicInstant) {
        let round = self.round(of: now)
        let slice = self.deposits[self.index(round)]
        var seen = slice.word.load(ordering: .relaxed)
        while true {
            let isPresent = seen >> 32 == round & Self.countMask
            let count = isPresent ? seen & Self.countMask : 0
            // A slice that is full stays full: four billion calls are enough for any retry.
            guard count < Self.countMask else { return }
            let (exchanged, original) = slice.word.weakCompareExchange(
                expected: seen, desired: self.word(round, count: count + 1), ordering: .relaxed)
            if exchanged { return }
            seen = original
        }
    }

    package func withdraw(at now: MonotonicInstant) -> Bool {
        let round = self.round(of: now)
        return self.withdrawals.withLock { withdrawals in
            guard self.balance(withdrawals, at: round) >= 1 else {
                withdrawals.refused += 1
                return false
            }
            let index = self.retryIndex(round)
            let count = self.count(withdrawals.slices[index], in: round) + 1
            withdrawals.slices[index] = self.word(round, count: min(count, Self.countMask))
            withdrawals.granted += 1
            return true
        }
    }

    private func balance(_ withdrawals: Withdrawals, at round: UInt64) -> Double {
        var calls: UInt64 = 0
        var retries: UInt64 = 0
        for number in self.rounds(Self.sliceCount, upTo: round) {
            calls += self.count(self.deposits[self.index(number)].word.load(ordering: .relaxed), in: number)
        }
        for number in self.rounds(Self.retrySliceCount, upTo: round) {
            retries += self.count(withdrawals.slices[self.retryIndex(number)], in: number)
        }
        // A product of a fraction may fall short of a whole number by its last digit.
        return Double(calls) * self.ratio + self.reserve - Double(retries) + 1e-9
    }

    /// The last rounds, of which the first is 1.
    private func rounds(_ count: Int64, upTo round: UInt64) -> ClosedRange<UInt64> {
        (round > UInt64(count) ? round - UInt64(count) + 1 : 1)...round
    }

    private func count(_ word: UInt64, in round: UInt64) -> UInt64 {
        word >> 32 == round & Self.countMask ? word & Self.countMask : 0
    }
}
