import ColonyBalancing
import ColonyProxy
import NIOCore
import RealServers
import Testing

@Suite("The proxy with many clients", .timeLimit(.minutes(3)))
struct HTTPLoadTests {
    private static let answer = HTTPRelayTests.answer(String(repeating: "a", count: 64))

    @Test("many clients over several workers: each request has one answer, and all load is given back")
    func manyClients() async throws {
        let endpoints = [try await AnsweringServer.start(Self.answer), try await AnsweringServer.start(Self.answer)]
        try await withProxy(
            to: endpoints.map(\.port), algorithm: .leastRequest(.two), workers: 2,
            pool: UpstreamPoolOptions(connections: 4, idleConnections: 2), mode: .http
        ) { proxy in
            let (clients, rounds, ahead) = (40, 10, 5)
            let text = String(repeating: HTTPRelayTests.request(), count: ahead)
            let size = Self.answer.utf8.count
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<clients {
                    group.addTask {
                        let client = try await TestConnection.open(port: proxy.port)
                        for _ in 0..<rounds {
                            try await client.send(text)
                            let all = try await client.receiveText(ahead * size)
                            #expect(all == String(repeating: Self.answer, count: ahead))
                        }
                        await client.close()
                    }
                }
                try await group.waitForAll()
            }
            let total = clients * rounds * ahead
            #expect(endpoints.reduce(0) { $0 + $1.count } == total)
            try await eventually("all counted") {
                await proxy.server.statistics().traffic.activeConnections == 0
            }
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.requests == UInt64(total))
            #expect(statistics.traffic.answers.successful == UInt64(total))
            #expect(statistics.traffic.bytesToClients == UInt64(total * size))
            for endpoint in statistics.endpoints {
                // Two workers with four connections each.
                #expect(endpoint.activeConnections <= 8)
                #expect(endpoint.idleConnections <= 4)
                #expect(endpoint.waiting == 0)
            }
            #expect(proxy.loads == 0)
        }
    }

    @Test("endpoints that come and go while requests are under way lose none of them")
    func changingEndpoints() async throws {
        let endpoints = [try await AnsweringServer.start(Self.answer), try await AnsweringServer.start(Self.answer)]
        try await withProxy(to: endpoints.map(\.port), workers: 2, mode: .http) { proxy in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let client = try await TestConnection.open(port: proxy.port)
                        for _ in 0..<200 {
                            try await client.send(HTTPRelayTests.request())
                            #expect(try await client.receiveText(Self.answer.utf8.count) == Self.answer)
                        }
                    }
                }
                group.addTask {
                    for round in 0..<50 {
                        let ports = round % 2 == 0 ? [endpoints[0].port] : endpoints.map(\.port)
                        try proxy.balancer.setEndpoints(ports.map { try Endpoint("127.0.0.1:\($0)") })
                        await Task.yield()
                    }
                }
                try await group.waitForAll()
            }
            #expect(await proxy.server.statistics().traffic.answers.successful == 1_600)
        }
    }

    @Test("a client behind a balancer that speaks the PROXY protocol is told to endpoints as their client")
    func proxyProtocolInHTTP() async throws {
        let endpoint = try await TestServer.start()
        let rules = ProxyProtocolOptions(accepts: try TrustedSources(["127.0.0.1"]))
        try await withProxy(to: [endpoint.port], proxyProtocol: rules, mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(
                "PROXY TCP4 203.0.113.9 203.0.113.1 4711 80\r\n" + HTTPRelayTests.request())
            let server = try await endpoint.connection()
            let head = try await server.receiveText(through: "\r\n\r\n")
            #expect(head.contains("X-Forwarded-For: 203.0.113.9\r\n"))
            try await server.send(Self.answer)
            #expect(try await client.receiveText(Self.answer.utf8.count) == Self.answer)
            try await client.send(HTTPRelayTests.request())
            #expect(try await server.receiveText(through: "\r\n\r\n").contains("X-Forwarded-For: 203.0.113.9\r\n"))
        }
    }

    @Test("options that cannot work are refused, and the message quotes the value")
    func badOptions() throws {
        let listen = [try ListenAddress(host: "127.0.0.1", port: 0)]
        func refused(_ quoted: String, _ make: () throws -> Void) {
            let error = #expect(throws: ProxyError.self) { try make() }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(quoted) == true, "\(error?.message ?? "")")
        }
        refused("0 addresses") { _ = try ProxyOptions(mode: .http, listen: []) }
        refused("0 workers") { _ = try ProxyOptions(mode: .http, listen: listen, workers: 0) }
        refused("70000") { _ = try ListenAddress(host: "a", port: 70_000) }
        refused("a:b") { _ = try ListenAddress("a:b") }
        refused("connect of 0.0 seconds") {
            _ = try ProxyOptions(mode: .http, listen: listen, timeouts: ProxyTimeouts(connect: .zero))
        }
        refused("-1") { _ = try ProxyOptions(mode: .http, listen: listen, limits: ProxyLimits(bodyBytes: -1)) }
        refused("from 0 to 1") {
            _ = try ProxyUpstream(
                "a", balancer: LoadBalancer([]), pool: UpstreamPoolOptions(connections: 1, idleConnections: 2))
        }
        refused("0 attempts") { _ = try ProxyOptions(mode: .http, listen: listen, retries: ProxyRetries(attempts: 0)) }
        refused("nan") {
            _ = try ProxyOptions(mode: .http, listen: listen, retries: ProxyRetries(budgetRatio: .nan))
        }
        refused("a b") { _ = try ProxyOptions(mode: .http, listen: listen, forwarding: ForwardingOptions(via: "a b")) }
        refused("PROXY") {
            _ = try ProxyOptions(mode: .http, listen: listen, proxyProtocol: ProxyProtocolOptions(sends: .one))
        }
    }

    @Test("a quantile of the counts is at most an eighth too high")
    func latencies() {
        var counts = LatencyCounts()
        #expect(counts.quantile(0.5) == nil)
        for value in 1...1_000 { counts.record(nanoseconds: Int64(value) * 1_000) }
        for share in [0.01, 0.5, 0.9, 0.99, 1] {
            let exact = Duration.nanoseconds(Int64(share * 1_000) * 1_000)
            let found = counts.quantile(share) ?? .zero
            #expect(found >= exact && found <= exact * 9 / 8, "\(share): \(found)")
        }
        counts.record(nanoseconds: .max)
        #expect(counts.quantile(1) ?? .zero >= .seconds(137))
    }
}
