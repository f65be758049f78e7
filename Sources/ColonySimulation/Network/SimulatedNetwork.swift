public import ColonyCore

/// A network in which everything goes wrong that can, as a value: it says when the copies of a packet arrive, if any do.
///
/// ```swift
/// var network = SimulatedNetwork<NodeID>(seed: seed, link: .init(delay: .milliseconds(1) ... .milliseconds(20), loss: 0.05))
/// for instant in network.arrivals(from: a, to: b, sentAt: now) { agenda.add(.arrival(packet, at: b), at: instant) }
/// network.partition([a], from: [b, c])      // neither direction
/// network.cut(from: a, to: b)               // one direction only
/// ```
///
/// Packets are delayed, lost, doubled, and overtake each other by chance, all of which follows from the seed; links are cut in one direction or
/// both, and clogged, so that what is sent meanwhile arrives when the clog ends.
public struct SimulatedNetwork<Address: Hashable & Sendable>: Sendable {
    /// How a direction between two nodes behaves.
    public struct Link: Hashable, Sendable {
        /// How long a packet takes; packets that draw different times overtake each other.
        public var delay: ClosedRange<Duration>
        /// The share of packets that never arrive, from 0 to 1.
        public var loss: Double
        /// The share of packets that arrive twice, from 0 to 1.
        public var duplication: Double

        /// Makes a behaviour; without arguments that of a good local network.
        public init(
            delay: ClosedRange<Duration> = .microseconds(100) ... .milliseconds(1), loss: Double = 0,
            duplication: Double = 0
        ) {
            precondition((0...1).contains(loss), "a share of lost packets is from 0 to 1, and \(loss) is not")
            precondition(
                (0...1).contains(duplication), "a share of doubled packets is from 0 to 1, and \(duplication) is not")
            self.delay = delay
            self.loss = loss
            self.duplication = duplication
        }
    }

    private struct Direction: Hashable {
        let source: Address
        let destination: Address
    }

    private var generator: SeededGenerator
    /// How a direction behaves of which nothing else was said.
    public var link: Link
    private var links: [Direction: Link] = [:]
    /// What is sent by or to one of these takes so much longer.
    private var slowness: [Address: ClosedRange<Duration>] = [:]
    private var cuts: Set<Direction> = []
    private var clogs: [Direction: MonotonicInstant] = [:]

    /// How many packets were sent.
    public private(set) var sent: UInt64 = 0
    /// How many of them did not arrive.
    public private(set) var lost: UInt64 = 0

    /// Makes a network that is whole.
    public init(seed: Seed, link: Link = Link()) {
        self.generator = SeededGenerator(seed: seed)
        self.link = link
    }

    /// When the copies of a packet arrive: never, once, or twice.
    ///
    /// - Parameter isReliable: Whether it is sent over a connection, which repeats what gets lost: it arrives once, later, or, if the direction is cut, not at all.
    public mutating func arrivals(
        from source: Address, to destination: Address, sentAt now: MonotonicInstant, isReliable: Bool = false
    ) -> [MonotonicInstant] {
        self.sent += 1
        let direction = Direction(source: source, destination: destination)
        let back = Direction(source: destination, destination: source)
        // A connection needs both directions.
        guard !self.cuts.contains(direction), !isReliable || !self.cuts.contains(back) else {
            self.lost += 1
            return []
        }
        let link = self.links[direction] ?? self.link
        var delay = Duration.zero
        var copies = 1
        if isReliable {
            // The handshake, and each loss one repetition.
            delay += self.draw(link.delay) + self.draw(link.delay)
            for _ in 0..<8 where link.loss > 0 && self.generator.happens(withProbability: link.loss) {
                delay += .milliseconds(200)
            }
        } else {
            if link.loss > 0, self.generator.happens(withProbability: link.loss) {
                self.lost += 1
                return []
            }
            if link.duplication > 0, self.generator.happens(withProbability: link.duplication) { copies = 2 }
        }
        for address in [source, destination] {
            if let slowness = self.slowness[address] { delay += self.draw(slowness) }
        }
        let free = self.clogs[direction].map { max(now, $0) } ?? now
        return (0..<copies).map { _ in free.advanced(by: delay + self.draw(link.delay)) }
    }

    private mutating func draw(_ range: ClosedRange<Duration>) -> Duration {
        let (low, high) = (range.lowerBound.clampedNanoseconds, range.upperBound.clampedNanoseconds)
        return .nanoseconds(low == high ? low : Int64.random(in: low...high, using: &self.generator))
    }

    // MARK: Trouble

    /// Has one direction behave in another way; `nil` for the usual one.
    public mutating func set(_ link: Link?, from source: Address, to destination: Address) {
        self.links[Direction(source: source, destination: destination)] = link
    }

    /// Makes a node slow: what it sends and receives takes so much longer.
    public mutating func slow(_ address: Address, by delay: ClosedRange<Duration>?) {
        self.slowness[address] = delay
    }

    /// Nothing gets from one to the other any more; what is under way does.
    public mutating func cut(from source: Address, to destination: Address) {
        self.cuts.insert(Direction(source: source, destination: destination))
    }

    /// Ends a cut in one direction.
    public mutating func mend(from source: Address, to destination: Address) {
        self.cuts.remove(Direction(source: source, destination: destination))
    }

    /// Nothing gets from one side to the other any more, in either direction.
    public mutating func partition(_ one: some Sequence<Address>, from other: some Sequence<Address>) {
        let other = Array(other)
        for first in one {
            for second in other {
                self.cut(from: first, to: second)
                self.cut(from: second, to: first)
            }
        }
    }

    /// Cuts one node off from all others that are named.
    public mutating func isolate(_ address: Address, from others: some Sequence<Address>) {
        self.partition([address], from: others.filter { $0 != address })
    }

    /// What is sent from one to the other from now on arrives no earlier than at an instant.
    public mutating func clog(from source: Address, to destination: Address, until instant: MonotonicInstant) {
        self.clogs[Direction(source: source, destination: destination)] = instant
    }

    /// Ends all cuts, clogs, and slowness; links keep their behaviour.
    public mutating func heal() {
        self.cuts = []
        self.clogs = [:]
        self.slowness = [:]
    }
}
