/// The decisions of one write: where it goes, who stands in for whom, and when it is acknowledged. Positions count in
/// the order of preference: first the homes of the key, then those that may stand in.
package struct WriteRound: Sendable {
    package enum Directive: Equatable, Sendable {
        case store(Int)
        case decide(isAcknowledged: Bool)
        /// A home has not got the write, and is to get it later. `standIn` has it, or is about to.
        case owe(home: Int, standIn: Int?)
    }

    private let need: Int
    private let homes: [Int]
    private var standIns: [Int]
    private var outstanding = Positions()
    private var relieved = Positions()
    private var owed = Positions()
    private var slow = Positions()
    private var stored = Positions()
    package private(set) var isDecided = false
    /// Whether somebody has not answered yet.
    package var isWaiting: Bool { !self.outstanding.isEmpty }

    /// - Parameters:
    ///   - homes: Where the write belongs.
    ///   - standIns: Who may take it for one of those, the best first.
    ///   - need: How many must have it.
    package init(homes: [Int], standIns: [Int] = [], need: Int) {
        self.homes = homes
        self.standIns = standIns.reversed()
        self.need = need
    }

    /// - Parameter skipping: Homes that are not even tried, because they have just failed. They are tried all the same
    ///   if there would not be enough others.
    package mutating func start(skipping: Set<Int> = []) -> [Directive] {
        let tried = self.homes.count { !skipping.contains($0) }
        let skips = tried < self.homes.count && tried + self.standIns.count >= self.need
        var directives: [Directive] = []
        directives.reserveCapacity(self.homes.count)
        for home in self.homes where !skips || !skipping.contains(home) {
            self.outstanding.insert(home)
            directives.append(.store(home))
        }
        if skips {
            for home in self.homes where skipping.contains(home) { directives += self.relieve(home, owing: true) }
        }
        directives += self.judge()
        return directives
    }

    package mutating func stored(_ position: Int) -> [Directive] {
        guard self.outstanding.remove(position) else { return [] }
        self.stored.insert(position)
        return self.judge()
    }

    package mutating func failed(_ position: Int) -> [Directive] {
        guard self.outstanding.remove(position) else { return [] }
        return self.relieve(position, owing: true) + self.judge()
    }

    /// A server holds a later state, and does not take this one. Nobody needs to stand in for it.
    package mutating func isSurpassed(_ position: Int) -> [Directive] {
        guard self.outstanding.remove(position) else { return [] }
        return self.judge()
    }

    /// A home that is slow may still store the write; that somebody stands in does no harm then.
    package mutating func isSlow(_ position: Int) -> [Directive] {
        guard self.outstanding.contains(position), !self.isDecided else { return [] }
        self.slow.insert(position)
        return self.relieve(position, owing: false) + self.judge()
    }

    private mutating func relieve(_ position: Int, owing: Bool) -> [Directive] {
        var standIn: Int?
        // Enough have it after the decision; then only the debt is noted.
        if !self.isDecided, self.relieved.insert(position), let next = self.standIns.popLast() {
            self.outstanding.insert(next)
            standIn = next
        }
        var directives: [Directive] = standIn.map { [.store($0)] } ?? []
        // Who stood in is relieved by the delivery of the debt, also where the home was only slow.
        if self.homes.contains(position), owing || standIn != nil, self.owed.insert(position) {
            directives.append(.owe(home: position, standIn: standIn))
        }
        return directives
    }

    private mutating func judge() -> [Directive] {
        if self.isDecided { return [] }
        if self.stored.count >= self.need {
            self.isDecided = true
            return [.decide(isAcknowledged: true)]
        }
        if self.stored.count + self.outstanding.count < self.need {
            // Those that are about to answer decide whether it is known to be nowhere.
            if !self.outstanding.isSubset(of: self.slow) { return [] }
            self.isDecided = true
            return [.decide(isAcknowledged: false)]
        }
        return []
    }
}
