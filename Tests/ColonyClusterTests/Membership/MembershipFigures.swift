import ColonyCluster
import ColonyCore
import ColonySimulation

/// Measures what members take, in simulated time with the settings that members have unless said otherwise.
enum MembershipFigures {
    // MARK: Detection

    /// How long it takes until all others know of members that stop at the same moment; `nil` if that has not come about in two minutes.
    static func detection(members: Int, dying: Int = 1, loss: Double = 0, seed: Seed) throws -> Duration? {
        var fleet = try self.fleet(members, link: .init(loss: loss), seed: seed)
        var generator = SeededGenerator(seed: seed.derived(for: "deaths"))
        // At any moment of the periods of those who look after them.
        try fleet.run(for: .milliseconds(Int64.random(in: 5_000...10_000, using: &generator)))
        for number in Array(0..<members).shuffled(using: &generator).prefix(dying) { fleet.kill(number) }
        return try fleet.converge(within: .seconds(120))
    }

    // MARK: Mistakes

    /// Who was taken for failed while it was there.
    struct Mistakes {
        var nodeHours = 0.0
        /// Members that were well.
        var aboutTheWell = 0
        /// Members that got to nothing for a while, and then did.
        var aboutTheSlow = 0
        var suspicions = 0
        var events: UInt64 = 0

        /// How many there are in a month of a member at the most, with a confidence of 95 %: with none it is three in the time that was looked at.
        func mostInAMonth(_ count: Int) -> Double {
            // The quantiles of a Poisson distribution's mean for the first few counts, by Garwood 1936.
            let bounds = [2.996, 4.744, 6.296, 7.754, 9.154]
            return (count < bounds.count ? bounds[count] : .infinity) * 720 / self.nodeHours
        }
    }

    /// One member of ten is slow as in the evaluation of Lifeguard: for a while nothing of its work is done, then what has waited, and so on.
    ///
    /// - Parameters:
    ///   - stall: For how long at the most; half of it at least.
    ///   - rest: How long there is between, on average.
    static func mistakes(
        members: Int, slow: Int, stall: Duration, rest: Duration = .seconds(2), for time: Duration, seed: Seed
    ) throws -> Mistakes {
        var fleet = try self.fleet(
            members, link: .init(delay: .microseconds(100) ... .milliseconds(20), loss: 0.05), seed: seed)
        var generator = SeededGenerator(seed: seed.derived(for: "stalls"))
        var mistakes = Mistakes()
        let start = fleet.now
        let end = start.advanced(by: time)
        var stalls = (0..<slow).map { _ in start.advanced(by: self.draw(.zero...stall, &generator)) }
        let before = fleet.agenda.taken
        while fleet.now < end {
            for number in 0..<slow where stalls[number] <= fleet.now {
                let duration = self.draw(stall / 2...stall, &generator)
                fleet.pause(number, for: duration)
                stalls[number] = fleet.now.advanced(by: duration + self.draw(rest / 2...rest * 3 / 2, &generator))
            }
            try fleet.run(until: min(end, stalls.min() ?? end))
            for told in fleet.told {
                switch told.event {
                case .suspected: mistakes.suspicions += 1
                case .failed(let member):
                    let isSlow = try (0..<slow).contains { try Fleet.id($0) == member.id }
                    if isSlow { mistakes.aboutTheSlow += 1 } else { mistakes.aboutTheWell += 1 }
                default: break
                }
            }
            fleet.told.removeAll(keepingCapacity: true)
        }
        mistakes.events = fleet.agenda.taken - before
        mistakes.nodeHours = Double(members) * self.seconds(start.duration(to: fleet.now)) / 3_600
        return mistakes
    }

    // MARK: Traffic

    /// What a member sends in a second while nothing happens, before it is sealed.
    struct Rate {
        let datagrams: Double
        let bytes: Double
        let exchanges: Double
    }

    static func traffic(members: Int, for time: Duration, seed: Seed) throws -> Rate {
        var fleet = try self.fleet(members, link: .init(), seed: seed)
        // Until what was news is told.
        try fleet.run(for: .seconds(30))
        let before = fleet.traffic
        try fleet.run(for: time)
        let after = fleet.traffic
        let share = Double(members) * self.seconds(time)
        return Rate(
            datagrams: Double(after.datagrams - before.datagrams) / share,
            bytes: Double(after.bytes - before.bytes) / share,
            exchanges: Double(after.exchanges - before.exchanges) / share)
    }

    // MARK: Shared

    static func seconds(_ duration: Duration) -> Double { Double(duration.nanosecondCount) / 1_000_000_000 }

    private static func draw(_ range: ClosedRange<Duration>, _ generator: inout SeededGenerator) -> Duration {
        .nanoseconds(
            Int64.random(in: range.lowerBound.nanosecondCount...range.upperBound.nanosecondCount, using: &generator))
    }

    private static func fleet(_ members: Int, link: SimulatedNetwork<Int>.Link, seed: Seed) throws -> Fleet {
        var fleet = try Fleet(members, seed: seed, settings: try MembershipSettings(), link: link)
        fleet.usesBytes = false
        guard try fleet.converge(within: .seconds(120)) != nil else {
            throw MembershipViolation(
                kind: .divided, seed: seed, at: fleet.now, what: "\(members) members do not find each other")
        }
        try fleet.run(for: .seconds(5))
        fleet.told = []
        return fleet
    }
}
