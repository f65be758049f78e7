/// The decisions of one read: whom to ask, and when enough have answered. Positions count in the order of preference.
///
/// Only as many are asked as are needed, and one more for each that fails or is slow. Asking all at once would hide one
/// slow server at the price of half as many reads again; so does the one more, at the price of the few reads that need
/// it.
/// - SeeAlso: J. Dean, L. A. Barroso, *The Tail at Scale*, Communications of the ACM 56, 2013: hedged requests.
package struct ReadRound: Sendable {
    package enum Directive: Equatable, Sendable {
        case ask(Int)
        case decide(isEnough: Bool)
    }

    private let need: Int
    /// Who was not asked yet, the best last.
    private var rest: [Int]
    private var outstanding = Positions()
    private var slow = Positions()
    private var answers = 0
    package private(set) var isDecided = false

    /// - Parameters:
    ///   - order: Whom to ask, the best first.
    ///   - need: How many answers are enough.
    package init(order: [Int], need: Int) {
        self.need = need
        self.rest = order.reversed()
    }

    package mutating func start() -> [Directive] {
        var directives: [Directive] = []
        directives.reserveCapacity(self.need)
        for _ in 0..<self.need {
            if let next = self.next() { directives.append(.ask(next)) }
        }
        directives += self.judge()
        return directives
    }

    package mutating func answered(_ position: Int) -> [Directive] {
        guard self.outstanding.remove(position) else { return [] }
        self.answers += 1
        return self.judge()
    }

    package mutating func failed(_ position: Int) -> [Directive] {
        guard self.outstanding.remove(position) else { return [] }
        // One that was slow has been replaced already.
        let directives = self.slow.contains(position) ? [] : self.askNext()
        return directives + self.judge()
    }

    package mutating func isSlow(_ position: Int) -> [Directive] {
        guard self.outstanding.contains(position), self.slow.insert(position) else { return [] }
        return self.askNext()
    }

    private mutating func next() -> Int? {
        guard !self.isDecided, let next = self.rest.popLast() else { return nil }
        self.outstanding.insert(next)
        return next
    }

    private mutating func askNext() -> [Directive] { self.next().map { [.ask($0)] } ?? [] }

    private mutating func judge() -> [Directive] {
        if self.isDecided { return [] }
        if self.answers >= self.need {
            self.isDecided = true
            return [.decide(isEnough: true)]
        }
        if self.answers + self.outstanding.count + self.rest.count < self.need {
            self.isDecided = true
            return [.decide(isEnough: false)]
        }
        // Answers are missing that only those can give who were not asked.
        var directives: [Directive] = []
        while self.answers + self.outstanding.count < self.need { directives += self.askNext() }
        return directives
    }
}
