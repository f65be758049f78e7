package import ColonySimulation

/// One thing that can be done to the servers and contenders of a run. Servers and contenders are counted from 0.
package enum Fault: Hashable, Sendable, CustomStringConvertible {
    /// The server is killed and started again with its data.
    case killServer(Int)
    /// All servers are killed at once, as when the power fails, and started again with their data.
    case killEveryServer
    /// The server stands still and goes on.
    case pauseServer(Int)
    /// The server is cut off from everybody.
    case cutServer(Int)
    /// The contender is killed and replaced.
    case killContender(Int)
    /// The contender stands still and goes on.
    case pauseContender(Int)
    /// Whoever holds the lock is killed and replaced; the contender, if nobody holds it.
    case killHolder(else: Int)
    /// Whoever holds the lock stands still and goes on; the contender, if nobody holds it.
    case pauseHolder(else: Int)
    /// The contender is cut off from the servers.
    case cutContender(Int)
    /// The wall clock of the contender is set, by so many seconds.
    case stepWallClock(contender: Int, seconds: Int)

    package var description: String {
        switch self {
        case .killServer(let index): "kill server \(index + 1)"
        case .killEveryServer: "kill every server"
        case .pauseServer(let index): "stop server \(index + 1)"
        case .cutServer(let index): "cut off server \(index + 1)"
        case .killContender(let index): "kill contender \(index + 1)"
        case .pauseContender(let index): "stop contender \(index + 1)"
        case .killHolder(let index): "kill the holder, or contender \(index + 1)"
        case .pauseHolder(let index): "stop the holder, or contender \(index + 1)"
        case .cutContender(let index): "cut off contender \(index + 1)"
        case .stepWallClock(let index, let seconds): "set the wall clock of contender \(index + 1) by \(seconds) s"
        }
    }
}

/// What can be done in a run.
package struct FaultScope: Sendable {
    package var servers: Int
    package var contenders: Int
    package var hasNetwork: Bool
    package var hasWallClocks: Bool
    package var lease: Duration

    package init(servers: Int, contenders: Int, hasNetwork: Bool, hasWallClocks: Bool, lease: Duration) {
        self.servers = servers
        self.contenders = contenders
        self.hasNetwork = hasNetwork
        self.hasWallClocks = hasWallClocks
        self.lease = lease
    }
}

/// Which faults come when, as a value that follows from a seed.
///
/// Every kind of fault has its turn before any comes again, in an order that is drawn anew each round, so that a short run sees most kinds.
package struct FaultSchedule: Sendable {
    package struct Step: Hashable, Sendable {
        /// How long nothing happens before it.
        package let pause: Duration
        package let fault: Fault
        /// How long it lasts.
        package let length: Duration
    }

    private let scope: FaultScope
    private var generator: SeededGenerator
    private var round: [Kind] = []

    private enum Kind: CaseIterable {
        case killServer, killEveryServer, pauseServer, cutServer, killContender, pauseContender, killHolder,
            pauseHolder,
            cutContender, stepWallClock
    }

    package init(seed: Seed, scope: FaultScope) {
        self.scope = scope
        self.generator = SeededGenerator(seed: seed)
    }

    private var kinds: [Kind] {
        Kind.allCases.filter { kind in
            switch kind {
            case .killServer, .pauseServer: self.scope.servers > 0
            case .killEveryServer: self.scope.servers > 1
            case .cutServer: self.scope.servers > 0 && self.scope.hasNetwork
            case .cutContender: self.scope.hasNetwork
            case .stepWallClock: self.scope.hasWallClocks
            case .killContender, .pauseContender, .killHolder, .pauseHolder: true
            }
        }
    }

    /// Draws the next step.
    package mutating func next() -> Step {
        if self.round.isEmpty { self.round = self.kinds.shuffled(using: &self.generator) }
        let kind = self.round.removeLast()
        let pause = self.scope.lease * Double.random(in: 0.2...0.6, using: &self.generator)
        let server = self.scope.servers > 0 ? Int.random(in: 0..<self.scope.servers, using: &self.generator) : 0
        let contender = Int.random(in: 0..<self.scope.contenders, using: &self.generator)
        // Some pass before a lease does, some last longer than it.
        let short = self.scope.lease * Double.random(in: 0.1...0.8, using: &self.generator)
        let long = self.scope.lease * Double.random(in: 1.2...2, using: &self.generator)
        let isShort = self.generator.happens(withProbability: 0.3)
        let either = isShort ? short : long
        let seconds = [-86_400, -3_600, 3_600, 86_400].randomElement(using: &self.generator) ?? 3_600
        return switch kind {
        case .killServer: Step(pause: pause, fault: .killServer(server), length: short)
        case .killEveryServer: Step(pause: pause, fault: .killEveryServer, length: short)
        case .pauseServer: Step(pause: pause, fault: .pauseServer(server), length: either)
        case .cutServer: Step(pause: pause, fault: .cutServer(server), length: either)
        case .killContender: Step(pause: pause, fault: .killContender(contender), length: short / 4)
        case .pauseContender: Step(pause: pause, fault: .pauseContender(contender), length: long)
        case .killHolder: Step(pause: pause, fault: .killHolder(else: contender), length: short / 4)
        case .pauseHolder: Step(pause: pause, fault: .pauseHolder(else: contender), length: long)
        case .cutContender: Step(pause: pause, fault: .cutContender(contender), length: long)
        case .stepWallClock:
            Step(pause: pause, fault: .stepWallClock(contender: contender, seconds: seconds), length: short)
        }
    }
}
