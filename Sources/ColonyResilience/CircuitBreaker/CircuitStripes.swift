import ColonyCore
import Synchronization

/// The memory of a circuit breaker that calls go through without a lock.
///
/// A line that is read by every call and written by changes of state only holds the *word*: the state in the lowest three bits, and
/// the generation above. Then come stripes, each on lines of its own, so that threads that count successes do not wait for each
/// other. A stripe's count stands in one number with the generation and the slice it belongs to, and grows by compare-and-exchange:
/// a success from an earlier generation finds another tag and cannot be counted by mistake, however late it comes.
///
/// A stripe without a tag is *cold*: successes go through the lock. It is armed only while a success cannot open the breaker.
//
// `@unchecked Sendable`, because the memory holds atomics only and is freed with the breaker alone.
struct CircuitStripes: @unchecked Sendable {
    /// Two cache lines, because processors fetch lines in pairs.
    private static let stride = 128
    private static let countBits: UInt64 = 24
    private static let countMask: UInt64 = 1 << 24 - 1

    private let base: UnsafeMutableRawPointer
    let count: Int

    /// - Parameter count: A power of two.
    init(count: Int) {
        self.count = count
        self.base = .allocate(byteCount: Self.stride * (count + 1), alignment: Self.stride)
        self.base.initializeMemory(as: UInt8.self, repeating: 0, count: Self.stride * (count + 1))
    }

    func deallocate() { self.base.deallocate() }

    /// The state and the generation.
    var word: UnsafeMutablePointer<Atomic<UInt64>> { self.base.assumingMemoryBound(to: Atomic<UInt64>.self) }

    /// Until when the open state lasts. Written before the word.
    var openUntil: UnsafeMutablePointer<Atomic<Int64>> { (self.base + 8).assumingMemoryBound(to: Atomic<Int64>.self) }

    /// The number of the calling thread's stripe.
    var current: Int { ThreadStripe.current & (self.count &- 1) }

    /// A number of a stripe: its successes at 0, refusals at 1, late results at 2.
    private func number(_ index: Int, of stripe: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (self.base + (stripe &+ 1) &* Self.stride + index &* 8).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    // MARK: Successes

    static func tag(generation: UInt64, slice: Int64) -> UInt64 {
        (1 << 63) | ((generation & 0x7FFF) << 48) | ((UInt64(bitPattern: slice) & Self.countMask) << Self.countBits)
    }

    /// Counts a success, if the stripe of this thread takes those of this generation and slice.
    func countSuccess(generation: UInt64, slice: Int64) -> Bool {
        let number = self.number(0, of: self.current)
        let tag = Self.tag(generation: generation, slice: slice)
        var seen = number.pointee.load(ordering: .relaxed)
        while seen & ~Self.countMask == tag, seen & Self.countMask != Self.countMask {
            let (isExchanged, found) = number.pointee.weakCompareExchange(
                expected: seen, desired: seen + 1, ordering: .relaxed)
            if isExchanged { return true }
            seen = found
        }
        return false
    }

    /// Takes the successes out of a stripe, which is cold afterwards. Called under the lock.
    ///
    /// - Parameter latest: The latest slice; no stripe has been armed for a later one.
    /// - Returns: `nil` if the stripe was cold.
    func takeSuccesses(of stripe: Int, latest: Int64) -> (count: Int, slice: Int64)? {
        let number = self.number(0, of: stripe)
        guard number.pointee.load(ordering: .relaxed) != 0 else { return nil }
        let taken = number.pointee.exchange(0, ordering: .relaxed)
        let slice = Int64(bitPattern: (taken >> Self.countBits) & Self.countMask)
        let age = (latest & Int64(Self.countMask)) - slice
        return (Int(taken & Self.countMask), latest - (age & Int64(Self.countMask)))
    }

    /// Lets a cold stripe take successes. Called under the lock.
    func arm(_ stripe: Int, generation: UInt64, slice: Int64) {
        self.number(0, of: stripe).pointee.store(Self.tag(generation: generation, slice: slice), ordering: .relaxed)
    }

    // MARK: Figures

    func countRefusal() { self.number(1, of: self.current).pointee.wrappingAdd(1, ordering: .relaxed) }

    func countLateResult() { self.number(2, of: self.current).pointee.wrappingAdd(1, ordering: .relaxed) }

    var refusals: UInt64 { self.sum(1) }

    var lateResults: UInt64 { self.sum(2) }

    private func sum(_ index: Int) -> UInt64 {
        (0..<self.count).reduce(0) { $0 &+ self.number(index, of: $1).pointee.load(ordering: .relaxed) }
    }
}
