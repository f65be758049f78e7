/// An endpoint that may be picked.
struct Candidate {
    let cell: CellPointer
    let weight: UInt32
}

/// What a pick reads of a level: plain numbers and pointers into memory that the ``Roster`` owns.
struct LevelTable {
    /// The endpoints that may be picked, in the order in which they were given.
    var candidates: UnsafePointer<Candidate>
    var count: UInt32
    /// Positions of candidates in the order of turns, for weighted turns; else `nil`.
    var sequence: UnsafePointer<UInt16>?
    var sequenceCount: UInt32
    /// For drawing in proportion to weights; `nil` if all weights are equal.
    var aliases: UnsafePointer<AliasColumn>?
    /// Where keys belong, for algorithms by key.
    var home: Unmanaged<KeyedHome>?
    /// All endpoints of the level in the order of the home; those that may not be picked have the weight 0.
    var members: UnsafePointer<Candidate>
    /// Those of them with the weight 0.
    var closed: UnsafePointer<Candidate>
    var closedCount: Int
    /// The share of the level's weight that may be picked.
    var openShare: Double
}

/// What a pick reads of the roster.
struct RosterTable {
    var levels: UnsafePointer<LevelTable>
    var levelCount: Int
    /// The level that gets all calls, or -1 if several share them.
    var soleLevel: Int
    /// For each level, below which number of chance a call belongs to it or one before.
    var cuts: UnsafePointer<UInt32>
    /// The rest of the roster, for what is rarely asked.
    var roster: Unmanaged<Roster>?
}
