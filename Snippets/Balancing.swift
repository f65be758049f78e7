// The balancer of the README, with what surrounds it.

import ColonyBalancing

func ask(_ address: EndpointAddress, for order: Int) async throws -> String { "\(address) on \(order)" }

// snippet.show
let balancer = try LoadBalancer(
    [Endpoint("10.0.0.1:8080"), Endpoint("10.0.0.2:8080", weight: 3)],
    options: BalancerOptions(algorithm: .leastRequest(.two), outliers: OutlierOptions(), slowStart: SlowStart()))

func total(of order: Int) async throws -> String {
    let pick = try balancer.pick()  // load at once; an error that is thrown below gives it back
    let answer = try await ask(pick.endpoint.address, for: order)
    pick.succeed()
    return answer
}
// snippet.hide

print(try await total(of: 42))
