package import ColonyCore
import Synchronization

/// At most so many at once, and a bounded line of those who wait: what ``Bulkhead`` and ``AdaptiveConcurrencyLimit`` share.
///
/// While nobody waits, one number decides: who is inside in its low half, the limit above, and the highest bit says whether there is
/// a line. Entering and leaving are a compare-and-exchange each. As soon as somebody waits, both go through the lock, and a place that
/// becomes free is handed to the first in line without being free in between: nobody overtakes the line, and nothing is lost between a
/// wake-up and an attempt.
package final class ConcurrencyGate: Sendable {
    package enum Refusal: Hashable, Sendable {
        /// The line is full, or there is none.
        case full
        /// The wait has been as long as is allowed.
        case tooLong
        /// The deadline of the calling task came first.
        case deadline
    }

    package struct Figures: Hashable, Sendable {
        package var limit: Int
        package var inside: Int
        package var waiting: Int
        /// How long the first in line has waited; zero without a line.
        package var longestWait: Duration
        package var totalWaits: UInt64
        package var totalRefusals: UInt64
    }

    private struct Waiter: Sendable {
        let signal: OneShotSignal
        let since: Int64
    }

    /// Waiters have rising numbers; the lowest that still waits is at `head` or behind it.
    private struct Line: Sendable {
        var waiters: [UInt64: Waiter] = [:]
        var head: UInt64 = 0
        var tail: UInt64 = 0
        var waits: UInt64 = 0
        var refusals: UInt64 = 0

        var first: Waiter? {
            mutating get {
                while self.head < self.tail {
                    if let waiter = self.waiters[self.head] { return waiter }
                    self.head += 1
                }
                return nil
            }
        }

        mutating func popFirst() -> Waiter? {
            guard let first = self.first else { return nil }
            self.waiters.removeValue(forKey: self.head)
            self.head += 1
            return first
        }
    }

    private static let insideMask: UInt64 = 0xFFFF_FFFF
    private static let lineBit: UInt64 = 1 << 63

    private let clock: any MonotonicClock
    private let maximumWaiting: Int
    private let maximumWait: Duration
    private let word: Atomic<UInt64>
    private let line = Mutex(Line())

    /// - Parameters:
    ///   - limit: From 1 to ``BulkheadOptions/largest``.
    ///   - maximumWaiting: How many may wait; zero or more.
    package init(limit: Int, maximumWaiting: Int, maximumWait: Duration, clock: any MonotonicClock) {
        self.clock = clock
        self.maximumWaiting = maximumWaiting
        self.maximumWait = maximumWait
        self.word = Atomic(UInt64(limit) << 32)
    }

    private static func inside(_ word: UInt64) -> UInt64 { word & Self.insideMask }

    private static func limit(_ word: UInt64) -> UInt64 { (word & ~Self.lineBit) >> 32 }

    /// How many are inside.
    package var inside: Int { Int(Self.inside(self.word.load(ordering: .relaxed))) }

    /// The limit at present.
    package var limit: Int { Int(Self.limit(self.word.load(ordering: .relaxed))) }

    // MARK: In and out

    /// Enters if there is a place and nobody waits for one.
    package func tryEnter() -> Bool {
        var seen = self.word.load(ordering: .relaxed)
        while seen & Self.lineBit == 0, Self.inside(seen) < Self.limit(seen) {
            let (isExchanged, found) = self.word.weakCompareExchange(
                expected: seen, desired: seen + 1, ordering: .acquiring)
            if isExchanged { return true }
            seen = found
        }
        return false
    }

    /// Enters, in turn, after a wait that is no longer than allowed and ends at the deadline of the task at the latest.
    ///
    /// - Returns: Why there is no place, or `nil` if one is held now.
    /// - Throws: `CancellationError`. No place is held then.
    package func enter() async throws -> Refusal? {
        try await self.waitToEnter()
    }

    /// Leaves, and hands the place to the first in line.
    package func leave() {
        var seen = self.word.load(ordering: .relaxed)
        while seen & Self.lineBit == 0 {
            let (isExchanged, found) = self.word.weakCompareExchange(
                expected: seen, desired: seen - 1, ordering: .releasing)
            if isExchanged { return }
            seen = found
        }
        let next = self.line.withLock { line -> Waiter? in
            // Whoever went in while the limit was greater leaves without a successor. The bit may be gone by now.
            let seen = self.word.load(ordering: .relaxed)
            if Self.inside(seen) <= Self.limit(seen), let next = line.popFirst() {
                self.noteLine(line)
                return next
            }
            self.word.subtract(1, ordering: .acquiringAndReleasing)
            return nil
        }
        next?.signal.fire()
    }

    /// Changes the limit. Those who are inside stay; places that appear are handed to those in line.
    package func resize(to limit: Int) {
        let woken = self.line.withLock { line -> [Waiter] in
            self.update { $0 & (Self.lineBit | Self.insideMask) | UInt64(limit) << 32 }
            return self.admitLine(&line)
        }
        for waiter in woken {
            waiter.signal.fire()
        }
    }

    package var figures: Figures {
        let now = self.clock.now.nanoseconds
        return self.line.withLock { line in
            let seen = self.word.load(ordering: .relaxed)
            return Figures(
                limit: Int(Self.limit(seen)), inside: Int(Self.inside(seen)), waiting: line.waiters.count,
                longestWait: .nanoseconds(line.first.map { max(0, now - $0.since) } ?? 0), totalWaits: line.waits,
                totalRefusals: line.refusals)
        }
    }

    // MARK: Waiting

    private func waitToEnter() async throws -> Refusal? {
        let now = self.clock.now
        let end = now.advanced(by: self.maximumWait)
        let deadline = Deadline.earlier(of: end)
        enum Place { case inside, inLine(UInt64), none(Refusal) }
        let signal = OneShotSignal()
        let place = self.line.withLock { line -> Place in
            if self.tryEnter() { return .inside }
            // A place may become free until the bit is set; after that it is handed over under the lock.
            let refusal: Refusal? =
                if line.waiters.count >= self.maximumWaiting {
                    .full
                } else if deadline <= now {
                    deadline < end ? .deadline : .tooLong
                } else {
                    nil
                }
            if let refusal {
                line.refusals += 1
                return .none(refusal)
            }
            guard self.openLine() else { return .inside }
            line.waiters[line.tail] = Waiter(signal: signal, since: now.nanoseconds)
            line.tail += 1
            line.waits += 1
            return .inLine(line.tail - 1)
        }
        let number: UInt64
        switch place {
        case .inside: return nil
        case .none(let refusal): return refusal
        case .inLine(let place): number = place
        }
        do {
            if try await signal.wait(until: deadline, on: self.clock) { return nil }
        } catch {
            // Whoever was called and cancelled at the same time holds a place, and gives it on.
            if !self.stepOut(number, isRefused: false) { self.leave() }
            throw error
        }
        // Whoever was called when the time was over holds a place all the same, and uses it.
        guard self.stepOut(number, isRefused: true) else { return nil }
        return deadline < end ? .deadline : .tooLong
    }

    /// Sets the bit, or takes a place that has become free. Called under the lock.
    ///
    /// - Returns: `false` if a place was taken.
    private func openLine() -> Bool {
        var seen = self.word.load(ordering: .relaxed)
        while true {
            let isFree = seen & Self.lineBit == 0 && Self.inside(seen) < Self.limit(seen)
            let (isExchanged, found) = self.word.weakCompareExchange(
                expected: seen, desired: isFree ? seen + 1 : seen | Self.lineBit, ordering: .acquiringAndReleasing)
            if isExchanged { return !isFree }
            seen = found
        }
    }

    /// Leaves the line.
    ///
    /// - Returns: `false` if the waiter is no longer in it, because it was handed a place.
    private func stepOut(_ number: UInt64, isRefused: Bool) -> Bool {
        self.line.withLock { line in
            guard line.waiters.removeValue(forKey: number) != nil else { return false }
            if isRefused { line.refusals += 1 }
            self.noteLine(line)
            return true
        }
    }

    /// Lets in those in line while there are places. Called under the lock.
    private func admitLine(_ line: inout Line) -> [Waiter] {
        var woken: [Waiter] = []
        while !line.waiters.isEmpty {
            let seen = self.word.load(ordering: .relaxed)
            guard Self.inside(seen) < Self.limit(seen), let next = line.popFirst() else { break }
            self.word.add(1, ordering: .acquiringAndReleasing)
            woken.append(next)
        }
        self.noteLine(line)
        return woken
    }

    /// Takes the bit away when nobody is left. Called under the lock.
    private func noteLine(_ line: Line) {
        if line.waiters.isEmpty { self.update { $0 & ~Self.lineBit } }
    }

    private func update(_ change: (UInt64) -> UInt64) {
        var seen = self.word.load(ordering: .relaxed)
        while true {
            let (isExchanged, found) = self.word.weakCompareExchange(
                expected: seen, desired: change(seen), ordering: .acquiringAndReleasing)
            if isExchanged { return }
            seen = found
        }
    }
}
