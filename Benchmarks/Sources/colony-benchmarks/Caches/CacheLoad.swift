import ColonyCaches
import ColonyCore
import ColonyWorkloads
import Foundation
import Synchronization

/// What threads do to a cache while it is measured.
enum CacheLoad: String {
    /// Look-ups of keys that are all there: as many keys as the cache may hold.
    case hits
    /// Look-ups in ten times as many keys as the cache may hold; a key that is missing is stored.
    case getOrPut = "get-or-put"

    static let capacity = 100_000

    var keySpace: Int {
        switch self {
        case .hits: Self.capacity
        case .getOrPut: 10 * Self.capacity
        }
    }

    /// An operation count of one thread in one round that takes some tenths of a second.
    var operations: Int {
        switch self {
        case .hits: 5_000_000
        case .getOrPut: 2_000_000
        }
    }

    /// A cache as the load begins with.
    ///
    /// - Throws: ``WorkloadError`` if a cache of so many entries does not hold so many.
    func makeCache(policy: EvictionPolicy) throws -> Cache<Int, Int> {
        let cache = try Cache<Int, Int>(capacity: Self.capacity, policy: policy)
        guard self == .hits else { return cache }
        for key in 0..<self.keySpace { cache.set(key, to: key) }
        let missing = (0..<self.keySpace).count { cache.peek($0) == nil }
        guard missing == 0 else {
            throw WorkloadError("\(missing) of \(self.keySpace) keys are missing from a cache of that capacity")
        }
        return cache
    }

    /// What a round showed.
    struct Round {
        var operationsPerSecond: Double
        var hitRatio: Double
    }

    /// Has as many threads as there are arrays of keys do `operations` each; timed from when all are ready to when the
    /// last is done.
    func run(_ cache: Cache<Int, Int>, _ keys: KeySequence, operations: Int, clock: any MonotonicClock) -> Round {
        let threads = keys.threads.count
        let outcomes = ThreadTeam.run(threads) { thread, barrier in
            let sequence = keys.threads[thread]
            barrier.wait()
            let start = clock.now
            let outcome =
                switch self {
                case .hits: Self.read(cache, sequence, operations)
                case .getOrPut: Self.getOrPut(cache, sequence, operations)
                }
            return (start: start, end: clock.now, misses: outcome.misses, sum: outcome.sum)
        }
        let start = outcomes.map(\.start).min() ?? clock.now
        let end = outcomes.map(\.end).max() ?? clock.now
        let total = Double(operations * threads)
        // The sum is used, so that the compiler cannot leave the look-ups out; it is never negative.
        precondition(outcomes.allSatisfy { $0.sum >= 0 }, "keys and values are not negative")
        return Round(
            operationsPerSecond: total / (Double(max(1, end.nanoseconds - start.nanoseconds)) / 1e9),
            hitRatio: 1 - Double(outcomes.reduce(0) { $0 + $1.misses }) / total)
    }

    @inline(never)
    static func read(_ cache: Cache<Int, Int>, _ keys: [Int], _ operations: Int) -> (misses: Int, sum: Int) {
        var sum = 0
        var misses = 0
        keys.withUnsafeBufferPointer { keys in
            for index in 0..<operations {
                if let value = cache.get(keys[index & (KeySequence.draws - 1)]) { sum &+= value } else { misses += 1 }
            }
        }
        return (misses, sum)
    }

    @inline(never)
    static func getOrPut(_ cache: Cache<Int, Int>, _ keys: [Int], _ operations: Int) -> (misses: Int, sum: Int) {
        var sum = 0
        var misses = 0
        keys.withUnsafeBufferPointer { keys in
            for index in 0..<operations {
                let key = keys[index & (KeySequence.draws - 1)]
                if let value = cache.get(key) {
                    sum &+= value
                } else {
                    misses += 1
                    cache.set(key, to: key)
                }
            }
        }
        return (misses, sum)
    }
}

/// Threads of the operating system that begin their work at the same moment.
enum ThreadTeam {
    /// Where threads wait until all have arrived, without sleeping: all are awake when the work begins.
    final class Barrier: Sendable {
        private let missing: Atomic<Int>

        init(_ count: Int) { self.missing = Atomic(count) }

        func wait() {
            var left = self.missing.subtract(1, ordering: .acquiringAndReleasing).newValue
            while left > 0 {
                sched_yield()
                left = self.missing.load(ordering: .acquiring)
            }
        }
    }

    /// Runs `body` on so many threads and waits for all.
    ///
    /// - Returns: What each returned, in no particular order.
    static func run<Result: Sendable>(
        _ count: Int, _ body: @escaping @Sendable (_ thread: Int, Barrier) -> Result
    ) -> [Result] {
        let barrier = Barrier(count)
        let results = Mutex<[Result]>([])
        let done = DispatchSemaphore(value: 0)
        for number in 0..<count {
            let thread = Thread {
                let result = body(number, barrier)
                results.withLock { $0.append(result) }
                done.signal()
            }
            thread.stackSize = 1 << 20
            thread.start()
        }
        for _ in 0..<count { done.wait() }
        return results.withLock { $0 }
    }
}
