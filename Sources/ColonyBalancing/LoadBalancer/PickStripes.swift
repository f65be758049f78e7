import ColonyCore
import Synchronization

// How picks read the roster without waiting for each other.
//
// A pick reads the roster, a turn, and chance. A lock around the three makes all threads wait for one line of memory; an atomic turn makes
// them wait, too; and counting references to the roster would be the same once more. So each thread has a stripe of its own, most of the
// time: a flag, a pointer to the roster, turns, and a generator. A pick takes the flag with one exchange, works on memory that no other thread
// writes, and gives the flag back with a plain store. A thread that finds its stripe taken goes on to the next one, so nobody waits for a
// thread that the system has paused, unless as many are paused in a pick as there are stripes.
//
// Seeds and first turns belong to stripes in the order in which they are first used, not to threads: so what one thread picks follows from the
// seed, whichever thread it is.
//
// A new roster is handed to one stripe after the other, each under its flag; afterwards nobody reads the old one.

/// What one thread at a time uses to pick.
struct PickStripe: ~Copyable {
    /// The most levels of a roster: 16 priorities, each in the own zone and elsewhere.
    static let turnLimit = 32

    private let isTaken = Atomic<Bool>(false)
    /// The roster; not to be looked at without the flag.
    var table: UnsafePointer<RosterTable>
    /// As which of all stripes this one was first used; `unset` before that.
    fileprivate(set) var order: UInt32 = PickStripe.unset
    var chance = StripeChance(state: 0)
    /// For each level, whose turn it is; `unset` before the first.
    let turns: UnsafeMutablePointer<UInt32>

    static var unset: UInt32 { .max }

    init(table: UnsafePointer<RosterTable>, turns: UnsafeMutablePointer<UInt32>) {
        self.table = table
        self.turns = turns
        turns.initialize(repeating: Self.unset, count: Self.turnLimit)
    }

    func tryTake() -> Bool { !self.isTaken.exchange(true, ordering: .acquiring) }

    func giveBack() { self.isTaken.store(false, ordering: .releasing) }

    /// Where this stripe begins to take turns: the first one that was used at the first of `count`, the others as far from each other as can be.
    func start(of count: UInt32) -> UInt32 { StripeChance.scaled(self.order &* 0x9E37_79B9, count) }
}

/// Chance for one stripe: fast, and good enough to choose endpoints with.
//
// Reference: Wang Yi, wyrand, https://github.com/wangyi-fudan/wyhash, final version 4.
struct StripeChance: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(state: UInt64) {
        self.state = state
    }

    mutating func next() -> UInt64 {
        self.state &+= 0xA076_1D64_78BD_642F
        let product = self.state.multipliedFullWidth(by: self.state ^ 0xE703_7ED1_A0B4_28DB)
        return product.high ^ product.low
    }

    /// A number below `bound`, from the upper half of a number of chance: its distance from fair is below one in sixty thousand.
    mutating func next(below bound: UInt32) -> UInt32 {
        Self.scaled(UInt32(truncatingIfNeeded: self.next() >> 32), bound)
    }

    static func scaled(_ chance: UInt32, _ bound: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (UInt64(chance) &* UInt64(bound)) >> 32)
    }
}

/// The stripes of a balancer.
//
// `@unchecked Sendable`, because a stripe is only looked at by who holds its flag, and the memory is freed with the balancer alone.
struct PickStripes: @unchecked Sendable {
    private static var count: Int { ThreadStripe.count }
    /// Two lines for the stripe and two for its turns.
    private static let stride = 256

    private let base: UnsafeMutableRawPointer
    /// How many stripes have been used, behind the last of them.
    private let used: UnsafeMutablePointer<Atomic<UInt32>>
    private let seeds: [UInt64]

    init(table: UnsafePointer<RosterTable>, generator: inout some RandomNumberGenerator) {
        self.base = .allocate(byteCount: (Self.count + 1) * Self.stride, alignment: 128)
        for number in 0..<Self.count {
            let memory = self.base + number * Self.stride
            let turns = (memory + 128).bindMemory(to: UInt32.self, capacity: PickStripe.turnLimit)
            memory.bindMemory(to: PickStripe.self, capacity: 1).initialize(to: PickStripe(table: table, turns: turns))
        }
        self.used = (self.base + Self.count * Self.stride).bindMemory(to: Atomic<UInt32>.self, capacity: 1)
        self.used.initialize(to: Atomic(0))
        self.seeds = (0..<Self.count).map { _ in generator.next() }
    }

    func deallocate() {
        for number in 0..<Self.count { self.stripe(number).deinitialize(count: 1) }
        self.used.deinitialize(count: 1)
        self.base.deallocate()
    }

    private func stripe(_ number: Int) -> UnsafeMutablePointer<PickStripe> {
        (self.base + (number & (Self.count - 1)) * Self.stride).assumingMemoryBound(to: PickStripe.self)
    }

    /// A stripe for the calling thread alone, until it is given back.
    @inline(__always)
    func take() -> UnsafeMutablePointer<PickStripe> {
        let own = self.stripe(ThreadStripe.current)
        let stripe = own.pointee.tryTake() ? own : self.takeNext()
        if stripe.pointee.order == PickStripe.unset { self.open(stripe) }
        return stripe
    }

    /// Gives a stripe that is used for the first time its place in the order.
    private func open(_ stripe: UnsafeMutablePointer<PickStripe>) {
        let order = self.used.pointee.wrappingAdd(1, ordering: .relaxed).oldValue
        stripe.pointee.order = order
        stripe.pointee.chance = StripeChance(state: self.seeds[Int(order)])
    }

    private func takeNext() -> UnsafeMutablePointer<PickStripe> {
        var number = ThreadStripe.current
        while true {
            number += 1
            let stripe = self.stripe(number)
            if stripe.pointee.tryTake() { return stripe }
            if number & (Self.count - 1) == 0 { ThreadStripe.yield() }
        }
    }

    /// Hands a new roster to all stripes. When it returns, nobody reads the old one.
    func publish(_ table: UnsafePointer<RosterTable>) {
        for number in 0..<Self.count {
            let stripe = self.stripe(number)
            while !stripe.pointee.tryTake() { ThreadStripe.yield() }
            stripe.pointee.table = table
            stripe.pointee.giveBack()
        }
    }
}
