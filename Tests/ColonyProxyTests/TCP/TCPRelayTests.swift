import ColonyBalancing
import ColonyProxy
import NIOPosix
import RealServers
import Testing

@Suite("The proxy in TCP mode", .timeLimit(.minutes(3)))
struct TCPRelayTests {
    @Test("bytes go both ways, and each side may end first")
    func relaysBothWays() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send("ping")
            let server = try await endpoint.connection()
            #expect(try await server.receiveText(4) == "ping")
            try await server.send("pong")
            #expect(try await client.receiveText(4) == "pong")

            try await client.endOutput()
            try await server.waitForEnd()
            #expect(!server.inbox.contents.isClosed)
            try await server.send("after the end")
            #expect(try await client.receiveText(13) == "after the end")
            await server.close()
            try await client.waitForEnd()
            #expect(!client.inbox.contents.isBroken)

            let other = try await TestConnection.open(port: proxy.port)
            let second = try await endpoint.connection(1)
            try await second.send("first word")
            try await second.endOutput()
            #expect(try await other.receiveText(10) == "first word")
            try await other.waitForEnd()
            try await other.send("still here")
            #expect(try await second.receiveText(10) == "still here")
            await other.close()
            try await second.waitForEnd()
        }
    }

    @Test("a client that ends before its endpoint is connected is heard to the end")
    func earlyEnd() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            client.sendLater(Array("all at once".utf8))
            try await client.endOutput()
            let server = try await endpoint.connection()
            #expect(try await server.receiveText(11) == "all at once")
            try await server.waitForEnd()
            try await server.send("answer")
            await server.close()
            #expect(try await client.receiveText(6) == "answer")
            try await client.waitForEnd()
        }
    }

    @Test("a client that takes nothing stops its endpoint; what is kept has a bound")
    func backPressure() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port, reads: false, keepsBytes: false)
            let server = try await endpoint.connection()
            let block = [UInt8](repeating: 7, count: 1 << 20)
            let total = 64 * block.count
            for _ in 0..<64 { server.sendLater(block) }
            // The endpoint is stopped when the buffers of the system and the marks of the proxy are full.
            var before: UInt64 = 0
            var looks = 0
            try await eventually("an endpoint that is read no more") {
                let now = await proxy.server.statistics().traffic.bytesToClients
                looks = now > 0 && now == before ? looks + 1 : 0
                before = now
                return looks > 50
            }
            let kept = Int(before)
            #expect(kept < total / 2, "\(kept) of \(total) bytes were read for a client that takes none")
            try await client.startReading()
            try await eventually("all bytes") { client.inbox.contents.count == total }
        }
    }

    @Test("an endpoint that refuses is passed over; with all refusing the client is cut off")
    func refusedEndpoint() async throws {
        let endpoint = try await TestServer.start()
        let gone = try FreePort.take(2)
        try await withProxy(to: [gone[0], endpoint.port], mode: .tcp) { proxy in
            for index in 0..<4 {
                let client = try await TestConnection.open(port: proxy.port)
                try await client.send("hello")
                let server = try await endpoint.connection(index)
                #expect(try await server.receiveText(5) == "hello")
                await client.close()
                try await server.waitForEnd()
            }
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.retries >= 1)
            #expect(statistics.endpoints.reduce(0) { $0 + $1.failedConnections } == statistics.traffic.retries)
        }
        try await withProxy(to: gone, mode: .tcp) { proxy in
            try await Self.isCutOff(port: proxy.port)
        }
    }

    /// Waits until a new connection has ended.
    private static func isCutOff(port: Int) async throws {
        do {
            let client = try await TestConnection.open(port: port)
            try await client.waitForEnd()
        } catch is NIOConnectionError {
            // The reset may come before the client has noticed that it was connected.
        }
    }

    @Test("a connection that breaks on one side breaks on the other, and does not end there")
    func breaksAreNotEnds() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            let server = try await endpoint.connection()
            try await server.send("half of it")
            _ = try await client.receiveText(10)
            try await server.reset()
            try await client.waitForEnd()
            #expect(client.inbox.contents.isBroken)
        }
    }

    @Test("a connection without traffic is closed after its time")
    func idleTimeout() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(relayIdle: .milliseconds(50)), mode: .tcp
        ) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            let server = try await endpoint.connection()
            try await client.waitForEnd()
            try await server.waitForEnd()
            #expect(await proxy.server.statistics().traffic.timeouts == 1)
        }
    }

    @Test("more clients than the limit are closed at once, and the place of one that left is free")
    func connectionLimit() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], limits: ProxyLimits(connections: 1), mode: .tcp) { proxy in
            let first = try await TestConnection.open(port: proxy.port)
            let taken = try await endpoint.connection()
            try await Self.isCutOff(port: proxy.port)
            await first.close()
            await taken.close()
            try await eventually("a free place") {
                await proxy.server.statistics().traffic.activeConnections == 0
            }
            let third = try await TestConnection.open(port: proxy.port)
            let server = try await endpoint.connection(1)
            try await third.send("x")
            #expect(try await server.receiveText(1) == "x")
            #expect(await proxy.server.statistics().traffic.refusedConnections == 1)
        }
    }

    @Test("on shutdown new clients are refused, and those that are there may end within the time for draining")
    func drains() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], workers: 2, drain: .seconds(60), mode: .tcp) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            let server = try await endpoint.connection()
            proxy.server.shutDown()
            try await eventually("a port that is closed") {
                do {
                    await (try TestConnection.open(port: proxy.port)).close()
                    return false
                } catch {
                    return true
                }
            }
            try await client.send("still served")
            #expect(try await server.receiveText(12) == "still served")
            await client.close()
            // Those that came before the port was closed are held by the endpoint as well.
            await endpoint.closeAll()
        }
    }

    @Test("two proxies do not share a port unless they are told to")
    func portInUse() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], workers: 2, mode: .tcp) { proxy in
            let balancer = try RunningProxy.balancer(to: [endpoint.port])
            for workers in [1, 2] {
                let options = try ProxyOptions(
                    mode: .tcp, listen: [ListenAddress(host: "127.0.0.1", port: proxy.port)], workers: workers)
                let second = try ProxyServer(options: options, balancer: balancer, logger: .silent)
                let error = await #expect(throws: ProxyError.self) { try await second.run() }
                #expect(error?.code == .addressInUse)
            }
            let sharing = try ProxyOptions(
                mode: .tcp, listen: [ListenAddress(host: "127.0.0.1", port: proxy.port)], sharesPort: true, drain: .zero
            )
            let third = try ProxyServer(options: sharing, balancer: balancer, logger: .silent)
            let run = Task { try await third.run() }
            #expect(try await third.boundPorts == [proxy.port])
            third.shutDown()
            try await run.value
        }
    }
}
