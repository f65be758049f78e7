package import ColonyCore

/// The decisions of a segment generator, as a value: which number is next, when to fetch, and how many.
///
/// # Why one range at a time is not enough
///
/// A generator that takes a range from its store and comes back when the range is used up makes every caller of that
/// moment wait for the store, and all of them for as long as the store is away. Leaf therefore keeps two ranges: when a
/// tenth of the present one is used, the next one is fetched beside it. Callers wait only if a whole range is used up
/// within one request.
///
/// # The limit
///
/// The hot path must not ask "is it time to fetch?" for each number. It compares the position with one `limit`, before
/// which nothing has to be decided. The limit is first the point at which to fetch ahead, and after that the end of the
/// range; whoever reaches it comes to ``reachedLimit()``.
///
/// ```text
///   start ......... position ....... limit (fetch the next) ................ end
///   start ................................... position ..................... end = limit
/// ```
///
/// # The step
///
/// How long a range lasts follows from the numbers given since the request before and the time between the two. A range
/// that would last less than the target is doubled, one that would last more than twice the target is halved. This is
/// Leaf's rule with two deviations. Leaf takes the time between two loads as the life of a range, which is wrong for the
/// first range, of which only a tenth was used; here the time is scaled by what was used. And where the ranges ran out
/// before the next one came, so that callers had to wait, the step grows eightfold: a generator that starts cold under
/// full load finds its step in three refills and not in ten.
///
/// # Nothing twice
///
/// The position only rises: ranges of one tag are given in rising order, which ``fetched(_:)`` checks, and a number that
/// was left behind is never gone back to.
///
/// - SeeAlso: Meituan, *Leaf: a distributed ID generation system*, 2017, "Leaf-segment, double buffer";
///   `SegmentIDGenImpl.java` of the original.
@usableFromInline
package struct SegmentBuffering: Sendable {
    /// The number that is given next.
    @usableFromInline package private(set) var position: Int64 = 0
    /// Before this number nothing has to be decided.
    @usableFromInline package private(set) var limit: Int64 = 0
    package private(set) var end: Int64 = 0
    package private(set) var spare: Range<Int64>?
    package private(set) var step: Int64
    package private(set) var isFetching = false

    private let minimumStep: Int64
    private let maximumStep: Int64
    private let target: Double
    private let prefetchShare: Double

    /// How many numbers were given from ranges before the present one, and where that one starts.
    private var givenBefore: Int64 = 0
    private var start: Int64 = 0
    /// The latest request: when it began, and how many numbers had been given by then.
    private var request: (at: MonotonicInstant, given: Int64)?
    private var ranOut = false

    package init(_ configuration: SegmentIDConfiguration) {
        self.step = configuration.initialStep
        self.minimumStep = configuration.minimumStep
        self.maximumStep = configuration.maximumStep
        self.target = Double(configuration.targetDuration.clampedNanoseconds)
        self.prefetchShare = configuration.prefetchShare
    }

    // MARK: Giving

    /// The next number, or `nil` if something has to be decided first. O(1).
    @inlinable @inline(__always)
    package mutating func take() -> Int64? {
        let number = self.position
        guard number < self.limit else { return nil }
        self.position = number &+ 1
        return number
    }

    /// Up to `count` numbers, as far as nothing has to be decided.
    package mutating func take(upTo count: Int64) -> Range<Int64> {
        let taken = min(count, self.limit - self.position)
        defer { self.position += taken }
        return self.position..<self.position + taken
    }

    /// Decides what the limit stands for.
    ///
    /// - Returns: Whether there are numbers now. If not, the next range has to be waited for.
    package mutating func reachedLimit() -> Bool {
        if self.position < self.end {
            self.limit = self.end
            return true
        }
        if let spare {
            self.spare = nil
            self.install(spare)
            return true
        }
        if self.request != nil { self.ranOut = true }
        return false
    }

    /// How many numbers are here.
    package var remaining: Int64 { self.end - self.position + Int64(self.spare?.count ?? 0) }

    private var given: Int64 { self.givenBefore + (self.position - self.start) }

    private mutating func install(_ range: Range<Int64>) {
        self.givenBefore = self.given
        self.start = range.lowerBound
        self.position = range.lowerBound
        self.end = range.upperBound
        let ahead = Int64(Double(range.count) * self.prefetchShare)
        self.limit = range.lowerBound + ahead
    }

    // MARK: Fetching

    /// Whether the point is passed at which the next range has to be here or on its way.
    package var wantsFetch: Bool { !self.isFetching && self.spare == nil && self.limit == self.end }

    /// Begins a request.
    ///
    /// - Parameter demand: How many numbers those need who wait already.
    /// - Returns: How many numbers to ask for.
    package mutating func beginFetch(at now: MonotonicInstant, demand: Int64 = 0) -> Int64 {
        self.isFetching = true
        self.adapt(at: now)
        self.request = (now, self.given)
        self.ranOut = false
        return min(max(self.step, demand), SegmentLimits.count.upperBound)
    }

    private mutating func adapt(at now: MonotonicInstant) {
        guard let request else { return }
        let elapsed = Double(request.at.duration(to: now).clampedNanoseconds)
        let lasts = elapsed * Double(self.step) / Double(max(1, self.given - request.given))
        if lasts > 2 * self.target {
            self.step = max(self.minimumStep, self.step / 2)
        } else if lasts < self.target {
            self.step = min(self.maximumStep, self.step * (self.ranOut ? 8 : 2))
        }
    }

    /// The request was answered.
    ///
    /// - Returns: `false` if the range does not lie above all ranges before it: then it is not used.
    package mutating func fetched(_ range: Range<Int64>) -> Bool {
        guard range.lowerBound >= self.end, !range.isEmpty else { return false }
        self.isFetching = false
        if self.position == self.end {
            self.install(range)
        } else {
            self.spare = range
        }
        return true
    }

    /// The request came to nothing and is not repeated.
    package mutating func abandonFetch() {
        self.isFetching = false
    }

    /// Gives up all numbers that are here.
    package mutating func discard() {
        self.spare = nil
        self.givenBefore = self.given
        self.start = self.end
        self.position = self.end
        self.limit = self.end
    }
}
