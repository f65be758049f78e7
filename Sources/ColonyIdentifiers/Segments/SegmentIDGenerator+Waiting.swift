import ColonyCore
import Synchronization

/// One caller that waits for numbers.
///
/// - Note: `@unchecked Sendable` because the members that change are used only under the lock of its generator.
final class SegmentWaiter: @unchecked Sendable {
    let signal = OneShotSignal()
    /// How many numbers it still needs, and what it has already.
    var missing: Int64
    var ranges: [Range<Int64>]
    var failure: IdentifierError?

    init(missing: Int64, ranges: [Range<Int64>]) {
        self.missing = missing
        self.ranges = ranges
    }
}

extension SegmentIDGenerator.State {
    /// Takes up to `count` numbers, from as many ranges as are here.
    mutating func gather(_ count: Int64) -> (ranges: [Range<Int64>], missing: Int64) {
        var ranges: [Range<Int64>] = []
        var missing = count
        while missing > 0 {
            let range = self.buffering.take(upTo: missing)
            if !range.isEmpty {
                // What lies on both sides of the point of fetching is one range to the caller.
                if let last = ranges.last, last.upperBound == range.lowerBound {
                    ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
                } else {
                    ranges.append(range)
                }
                missing -= Int64(range.count)
            } else if !self.buffering.reachedLimit() {
                break
            }
        }
        return (ranges, missing)
    }

    /// Gives numbers to those who wait, in the order of asking.
    ///
    /// - Returns: Those who have all they need.
    mutating func serveWaiters() -> [SegmentWaiter] {
        var served = 0
        for waiter in self.waiters {
            let (ranges, missing) = self.gather(waiter.missing)
            waiter.ranges += ranges
            waiter.missing = missing
            if missing > 0 { break }
            served += 1
        }
        defer { self.waiters.removeFirst(served) }
        return Array(self.waiters.prefix(served))
    }

    /// Has everybody who waits fail.
    mutating func failWaiters(_ error: IdentifierError) -> [SegmentWaiter] {
        for waiter in self.waiters { waiter.failure = error }
        defer { self.waiters = [] }
        return self.waiters
    }
}

extension SegmentIDGenerator {
    private enum Entry {
        case served([Range<Int64>])
        case refused(IdentifierError)
        case waits(SegmentWaiter)
    }

    /// The next number without waiting, when the hot path came to a limit.
    @usableFromInline
    func tryAcquire() throws(IdentifierError) -> Int64? {
        let now = self.clock.now
        let result = self.state.withLock { state -> Result<Int64?, IdentifierError> in
            if state.isClosed { return .failure(self.closed) }
            let number = state.gather(1).ranges.first?.lowerBound
            if number == nil, let verdict = state.verdict, now < verdict.until { return .failure(verdict.error) }
            self.fetchIfWanted(&state, at: now)
            return .success(number)
        }
        return try result.get()
    }

    /// The next numbers, when the hot path came to a limit, and for batches.
    @usableFromInline
    func acquire(_ count: Int64) async throws(IdentifierError) -> [Range<Int64>] {
        let now = self.clock.now
        let entry = self.state.withLock { state -> Entry in
            if state.isClosed { return .refused(self.closed) }
            let (ranges, missing) = state.gather(count)
            if missing == 0 {
                self.fetchIfWanted(&state, at: now)
                return .served(ranges)
            }
            if let verdict = state.verdict, now < verdict.until { return .refused(verdict.error) }
            guard state.waiters.count < self.configuration.maximumWaiters else {
                return .refused(
                    IdentifierError(
                        .unavailable, "\(state.waiters.count) callers wait for numbers of \(self.tag) already"))
            }
            let waiter = SegmentWaiter(missing: missing, ranges: ranges)
            state.waiters.append(waiter)
            state.waits += 1
            self.fetchIfWanted(&state, at: now)
            return .waits(waiter)
        }
        switch entry {
        case .served(let ranges): return ranges
        case .refused(let error): throw error
        case .waits(let waiter):
            return try await self.wait(waiter, until: now.advanced(by: self.configuration.waitLimit))
        }
    }

    private func wait(
        _ waiter: SegmentWaiter, until deadline: MonotonicInstant
    ) async throws(IdentifierError) -> [Range<Int64>] {
        var cancellation: (any Error)?
        do {
            _ = try await waiter.signal.wait(until: deadline, on: self.clock)
        } catch {
            cancellation = error
        }
        // Whoever was served in the meantime takes the numbers, also when cancelled, or they would be lost.
        let result = self.state.withLock { state -> Result<[Range<Int64>], IdentifierError> in
            if let failure = waiter.failure { return .failure(failure) }
            if waiter.missing == 0 { return .success(waiter.ranges) }
            state.waiters.removeAll { $0 === waiter }
            if let cancellation {
                return .failure(
                    IdentifierError(
                        .cancelled, "the wait for numbers of \(self.tag) was cancelled", cause: cancellation))
            }
            return .failure(
                IdentifierError(
                    .unavailable,
                    "the store gave no numbers of \(self.tag) within \(self.configuration.waitLimit.text)",
                    cause: state.lastFailure))
        }
        return try result.get()
    }

    var closed: IdentifierError {
        IdentifierError(.closed, "the generator of \(self.tag) was closed")
    }
}
