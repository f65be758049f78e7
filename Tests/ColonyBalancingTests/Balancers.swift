import ColonyBalancing
import ColonyCore
import ColonySimulation

/// Endpoints called a, b, c, … with the given weights.
func makeEndpoints(_ weights: [Int], zone: String? = nil, priority: Int = 0, from letter: Int = 0) throws -> [Endpoint]
{
    try weights.enumerated().map { position, weight in
        let name = String(UnicodeScalar(UInt8(97 + letter + position)))
        return try Endpoint(
            "10.0.0.\(letter + position + 1):80", name: EndpointName(name), weight: weight, zone: zone,
            priority: priority)
    }
}

/// Many endpoints called e000, e001, …
func makeManyEndpoints(_ count: Int, weight: (Int) -> Int = { _ in 1 }) throws -> [Endpoint] {
    try (0..<count).map { number in
        let digits = String(number)
        let name = "e" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
        return try Endpoint("10.1.0.1:\(number + 1)", name: EndpointName(name), weight: weight(number))
    }
}

extension LoadBalancer {
    /// The names of the endpoints of `count` calls, each of which ends before the next begins.
    func picks(_ count: Int, _ context: (Int) -> PickContext = { _ in PickContext() }) throws -> [String] {
        try (0..<count).map { number in
            let pick = try self.pick(context(number))
            let name = pick.endpoint.name.rawValue
            pick.succeed()
            return name
        }
    }

    /// How many of `count` calls each endpoint gets.
    func tally(_ count: Int, _ context: (Int) -> PickContext = { _ in PickContext() }) throws -> [String: Int] {
        try self.picks(count, context).reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
}

/// A balancer whose chance follows from a seed.
func makeBalancer(
    _ endpoints: [Endpoint], _ algorithm: BalancingAlgorithm, panic: Double = 0, zone: String? = nil,
    clock: any MonotonicClock = ManualClock(), seed: UInt64 = 2_026
) throws -> LoadBalancer {
    try LoadBalancer(
        endpoints, options: BalancerOptions(algorithm: algorithm, panicThreshold: panic, zone: zone), clock: clock,
        generator: SeededGenerator(seed: Seed(rawValue: seed)))
}
