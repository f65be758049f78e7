import ColonyBalancing
import ColonyProxy
import RealServers
import Testing

@Suite("A running proxy that is given other settings", .timeLimit(.minutes(3)))
struct ReconfigureTests {
    private static func answer(_ text: String) -> String { HTTPRelayTests.answer(text) }

    private static func upstream(_ name: String, _ balancer: LoadBalancer) throws -> [ProxyUpstream] {
        [try ProxyUpstream(name, balancer: balancer)]
    }

    private static func options(
        _ ports: Int..., workers: Int = 1, limits: ProxyLimits = ProxyLimits()
    ) throws -> ProxyOptions {
        try ProxyOptions(
            mode: .http, listen: ports.map { try ListenAddress(host: "127.0.0.1", port: $0) }, workers: workers,
            limits: limits, drain: .zero)
    }

    @Test("changes under load lose no request, whatever connection it comes on")
    func losesNothing() async throws {
        let endpoints = [
            try await AnsweringServer.start(Self.answer("a")), try await AnsweringServer.start(Self.answer("b")),
        ]
        let size = Self.answer("a").utf8.count
        try await withProxy(to: [endpoints[0].port], workers: 2, mode: .http) { proxy in
            let others = try RunningProxy.balancer(to: [endpoints[1].port])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<8 {
                    group.addTask {
                        var client = try await TestConnection.open(port: proxy.port)
                        for _ in 0..<150 {
                            try await client.send(HTTPRelayTests.request())
                            let text = try await client.receiveText(size)
                            #expect(text.hasPrefix("HTTP/1.1 200 "))
                            if number % 2 == 0 { client = try await TestConnection.open(port: proxy.port) }
                        }
                    }
                }
                group.addTask {
                    var round = 0
                    while !Task.isCancelled, endpoints[0].count + endpoints[1].count < 1_200 {
                        round += 1
                        let balancer = round % 2 == 0 ? others : proxy.balancer
                        // The address that the proxy was started with has no port, so it is the same listener all the time.
                        try await proxy.server.reconfigure(
                            Self.options(0, workers: 2), upstreams: Self.upstream("u\(round % 3)", balancer))
                    }
                }
                try await group.waitForAll()
            }
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.answers.successful == 1_200)
            #expect(endpoints.map(\.count).reduce(0, +) == 1_200)
            #expect(endpoints.allSatisfy { $0.count > 0 })
            try await eventually("a balancer without load") { others.callsUnderWay == 0 }
        }
    }

    @Test("a connection that is open goes by the new upstream and the new limits from its next request on")
    func openConnectionsFollow() async throws {
        let first = try await AnsweringServer.start(Self.answer("a"))
        let second = try await AnsweringServer.start(Self.answer("b"))
        try await withProxy(to: [first.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(HTTPRelayTests.request())
            _ = try await client.receiveText(through: "\r\n\r\na")
            let balancer = try RunningProxy.balancer(to: [second.port])
            try await proxy.server.reconfigure(
                Self.options(0, limits: ProxyLimits(bodyBytes: 10)), upstreams: Self.upstream("default", balancer))
            try await client.send(HTTPRelayTests.request())
            _ = try await client.receiveText(through: "\r\n\r\nb")
            // Connections to endpoints that nobody asks any more are closed.
            try await eventually("no connection to the first") {
                await proxy.server.statistics().endpoints.allSatisfy { $0.endpoint.name == balancer.endpoints[0].name }
            }
            try await client.send(HTTPRelayTests.request("POST", fields: "Content-Length: 11\r\n"))
            #expect(try await client.receiveText(through: "\r\n\r\n").hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test("a request under way ends as it began, though its upstream is gone")
    func requestsUnderWayEnd() async throws {
        let endpoint = try await TestServer.start()
        let other = try await AnsweringServer.start(Self.answer("b"))
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(HTTPRelayTests.request())
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            let balancer = try RunningProxy.balancer(to: [other.port])
            try await proxy.server.reconfigure(Self.options(0), upstreams: Self.upstream("other", balancer))
            try await server.send(Self.answer("a"))
            _ = try await client.receiveText(through: "\r\n\r\na")
            try await server.waitForEnd()
            try await client.send(HTTPRelayTests.request())
            _ = try await client.receiveText(through: "\r\n\r\nb")
        }
    }

    @Test("addresses come and go; connections that were accepted at one that is gone go on")
    func addressesChange() async throws {
        let endpoint = try await AnsweringServer.start(Self.answer("a"))
        try await withProxy(to: [endpoint.port], workers: 2, mode: .http) { proxy in
            let upstreams = try Self.upstream("default", proxy.balancer)
            // A port that the system chooses may be given to another test as soon as it is free.
            let second = try FreePort.take()
            try await proxy.server.reconfigure(Self.options(0, second, workers: 2), upstreams: upstreams)
            let ports = try await proxy.server.boundPorts
            #expect(ports == [proxy.port, second])
            let client = try await TestConnection.open(port: ports[1])
            try await client.send(HTTPRelayTests.request())
            _ = try await client.receiveText(through: "\r\n\r\na")
            try await proxy.server.reconfigure(Self.options(0, workers: 2), upstreams: upstreams)
            #expect(try await proxy.server.boundPorts == [proxy.port])
            await #expect(throws: (any Error).self) { try await TestConnection.open(port: ports[1]) }
            try await client.send(HTTPRelayTests.request())
            _ = try await client.receiveText(through: "\r\n\r\na")
        }
    }

    @Test(
        "a change that fails changes nothing: a port that is taken, settings that cannot work, another number of workers"
    )
    func failuresChangeNothing() async throws {
        let endpoint = try await AnsweringServer.start(Self.answer("a"))
        let taken = try await AnsweringServer.start(Self.answer("no proxy"))
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let balancer = try LoadBalancer([])
            let upstreams = try Self.upstream("default", balancer)
            func refused(
                _ code: ProxyError.Code, _ quoted: String, _ options: ProxyOptions, _ upstreams: [ProxyUpstream]
            ) async {
                let error = await #expect(throws: ProxyError.self) {
                    try await proxy.server.reconfigure(options, upstreams: upstreams)
                }
                #expect(error?.code == code)
                #expect(error?.message.contains(quoted) == true, "\(error?.message ?? "")")
            }
            // The first of the new addresses could be listened at; it must not stay.
            let free = try FreePort.take(1)[0]
            await refused(.addressInUse, "\(taken.port)", try Self.options(free, taken.port), upstreams)
            await refused(.invalidConfiguration, "4", try Self.options(0, workers: 4), upstreams)
            await refused(.invalidConfiguration, "\"default\"", try Self.options(0), upstreams + upstreams)
            await refused(.invalidConfiguration, "not 0", try Self.options(0), [])
            #expect(try await proxy.server.boundPorts == [proxy.port])
            await #expect(throws: (any Error).self) { try await TestConnection.open(port: free) }
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(HTTPRelayTests.request())
            _ = try await client.receiveText(through: "\r\n\r\na")
        }
    }

    @Test("a change before the start counts for the start, and one after the end is refused")
    func outsideOfRunning() async throws {
        let endpoint = try await AnsweringServer.start(Self.answer("a"))
        let empty = try LoadBalancer([])
        let server = try ProxyServer(options: Self.options(0), balancer: empty, logger: .silent)
        let balancer = try RunningProxy.balancer(to: [endpoint.port])
        try await server.reconfigure(Self.options(0, 0, workers: 2), upstreams: Self.upstream("late", balancer))
        let run = Task { try await server.run() }
        let ports = try await server.boundPorts
        #expect(ports.count == 2)
        let client = try await TestConnection.open(port: ports[1])
        try await client.send(HTTPRelayTests.request())
        _ = try await client.receiveText(through: "\r\n\r\na")
        server.shutDown()
        try await run.value
        let error = await #expect(throws: ProxyError.self) {
            try await server.reconfigure(Self.options(0), upstreams: Self.upstream("late", balancer))
        }
        #expect(error?.code == .closed)
    }
}
