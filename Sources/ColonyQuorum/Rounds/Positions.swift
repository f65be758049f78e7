/// Some of the servers of a round, by their positions: a set in one word.
struct Positions: Equatable, Sendable {
    /// The most servers of a round: the homes and stand-ins of a key in two placements.
    static let most = 64
    private var bits: UInt64 = 0

    var isEmpty: Bool { self.bits == 0 }
    var count: Int { self.bits.nonzeroBitCount }

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

    private static func bit(_ position: Int) -> UInt64 {
        precondition((0..<self.most).contains(position), "\(position) is no position among \(self.most)")
        return 1 << UInt64(position)
    }
}
