/// The results that a circuit breaker looks at.
package enum CircuitWindow: Sendable {
    case calls(CallWindow)
    case time(TimeWindow)

    package init(_ rules: CircuitRules) {
        switch rules.window {
        case .calls(let size): self = .calls(CallWindow(size: size))
        case .time: self = .time(TimeWindow())
        }
    }

    package var tally: CircuitTally {
        switch self {
        case .calls(let window): window.tally
        case .time(let window): window.tally
        }
    }

    /// The number of the slice under way; zero in a window of calls.
    var slice: Int64 {
        switch self {
        case .calls: 0
        case .time(let window): window.slice
        }
    }

    /// Forgets what is too old when `slice` is under way.
    package mutating func advance(to slice: Int64) {
        guard case .time(var window) = self else { return }
        window.advance(to: slice)
        self = .time(window)
    }

    /// Counts successes that were not slow.
    package mutating func addSuccesses(_ count: Int, in slice: Int64) {
        switch self {
        case .calls(var window):
            self = .time(TimeWindow())
            window.addSuccesses(count)
            self = .calls(window)
        case .time(var window):
            window.add(CircuitTally(calls: count), in: slice)
            self = .time(window)
        }
    }

    /// Counts a result that is not ignored.
    package mutating func add(_ result: CircuitResult, in slice: Int64) {
        switch self {
        case .calls(var window):
            // Taken out of its place while it is changed, so that its array is not copied.
            self = .time(TimeWindow())
            window.add(result)
            self = .calls(window)
        case .time(var window):
            var tally = CircuitTally()
            tally.add(result)
            window.add(tally, in: slice)
            self = .time(window)
        }
    }
}

/// The latest *n* results.
///
/// A ring of *n* results would have to be written for each success. This remembers only where in the sequence of results the
/// others stand, failures and slow calls: those that stand more than *n* back have left. Any number of successes is then one
/// addition, which is what lets threads count them apart and bring them in together. Successes between two others have no order
/// among them, so nothing is lost.
package struct CallWindow: Sendable {
    private struct Mark: Sendable {
        let position: Int
        let result: CircuitResult
    }

    private let size: Int
    /// How many results there have been.
    private var position = 0
    /// Failures and slow calls in the window, oldest first from `head`; at most twice as many as fit the window.
    private var marks: [Mark] = []
    private var head = 0
    private var failures = 0
    private var slowCalls = 0

    init(size: Int) {
        self.size = size
    }

    var tally: CircuitTally {
        CircuitTally(calls: min(self.position, self.size), failures: self.failures, slowCalls: self.slowCalls)
    }

    /// - Complexity: O(1) amortised.
    mutating func addSuccesses(_ count: Int) {
        self.position += count
        self.dropOld()
    }

    mutating func add(_ result: CircuitResult) {
        self.position += 1
        if result != .succeeded {
            self.marks.append(Mark(position: self.position, result: result))
            if result.hasFailed { self.failures += 1 }
            if result.wasSlow { self.slowCalls += 1 }
        }
        self.dropOld()
    }

    private mutating func dropOld() {
        while self.head < self.marks.count, self.marks[self.head].position <= self.position - self.size {
            let result = self.marks[self.head].result
            if result.hasFailed { self.failures -= 1 }
            if result.wasSlow { self.slowCalls -= 1 }
            self.head += 1
        }
        if self.head > 16, self.head * 2 >= self.marks.count {
            self.marks.removeFirst(self.head)
            self.head = 0
        }
    }
}

/// The results of the slice of time under way and of the nine before it.
package struct TimeWindow: Sendable {
    /// One for each slice, at its number modulo ten.
    private var slices: InlineArray<10, CircuitTally> = InlineArray(repeating: CircuitTally())
    private(set) var slice = Int64.min
    private(set) var tally = CircuitTally()

    mutating func advance(to slice: Int64) {
        guard slice > self.slice else { return }
        // Before the first slice there is nothing to forget.
        let passed = self.slice == .min ? 0 : min(slice - self.slice, CircuitRules.slices)
        for number in 0..<passed {
            let index = self.index(slice - number)
            self.tally.subtract(self.slices[index])
            self.slices[index] = CircuitTally()
        }
        self.slice = slice
    }

    /// Results of a slice that has left the window by now are not counted.
    mutating func add(_ tally: CircuitTally, in slice: Int64) {
        self.advance(to: slice)
        guard slice > self.slice - CircuitRules.slices else { return }
        let index = self.index(slice)
        self.slices[index].calls += tally.calls
        self.slices[index].failures += tally.failures
        self.slices[index].slowCalls += tally.slowCalls
        self.tally.calls += tally.calls
        self.tally.failures += tally.failures
        self.tally.slowCalls += tally.slowCalls
    }

    private func index(_ slice: Int64) -> Int {
        let remainder = slice % CircuitRules.slices
        return Int(remainder < 0 ? remainder + CircuitRules.slices : remainder)
    }
}
