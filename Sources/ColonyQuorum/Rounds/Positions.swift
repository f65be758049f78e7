/// Some of the servers of a round, by their positions: a set in one word.
struct Positions: Equatable, Sequence, IteratorProtocol, Sendable {
    /// The most servers of a round: the homes and stand-ins of a key in two placements.
    static let most = 64
    private var bits: UInt64

    init() { self.bits = 0 }

    private init(bits: UInt64) { self.bits = bits }

    var isEmpty: Bool { self.bits == 0 }
    var count: Int { self.bits.nonzeroBitCount }

    func intersection(_ other: Positions) -> Positions { Positions(bits: self.bits & other.bits) }

    func isSubset(of other: Positions) -> Bool { self.bits & ~other.bits == 0 }

    func contains(_ position: Int) -> Bool { self.bits & Self.bit(position) != 0 }

    /// - Returns: Whether it was not there.
    @discardableResult
    mutating func insert(_ position: Int) -> Bool {
        let isNew = !self.contains(position)
        self.bits |= Self.bit(position)
        return isNew
    }

    /// - Returns: Whether it was there.
    @discardableResult
    mutating func remove(_ position: Int) -> Bool {
        let wasThere = self.contains(position)
        self.bits &= ~Self.bit(position)
        return wasThere
    }

    /// Takes the lowest out.
    mutating func next() -> Int? {
        if self.bits == 0 { return nil }
        defer { self.bits &= self.bits - 1 }
        return self.bits.trailingZeroBitCount
    }

    private static func bit(_ position: Int) -> UInt64 {
        precondition((0..<self.most).contains(position), "\(position) is no position among \(self.most)")
        return 1 << UInt64(position)
    }
}
