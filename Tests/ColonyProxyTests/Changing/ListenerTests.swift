import ColonyBalancing
import ColonyCore
import NIOCore
import NIOPosix
import RealServers
import Testing

@testable import ColonyProxy

@Suite("A socket that a proxy listens with")
struct ListenerTests {
    @Test("connections that the system has made, and nobody has accepted, are served though the socket is closed")
    func backlogIsServed() async throws {
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("a"))
        // A port that the system chooses may be given to another test as soon as it is free.
        let options = try ProxyOptions(
            mode: .http, listen: [ListenAddress(host: "127.0.0.1", port: FreePort.take())])
        let balancer = try RunningProxy.balancer(to: [endpoint.port])
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let clock = HostClock()
        let settings = try ProxySettings(
            options, upstreams: [ProxyUpstream("default", balancer: balancer)], clock: clock)
        let worker = ProxyWorker(
            group: group, eventLoop: group.next(), settings: settings, clock: clock, connectionCount: ConnectionCount())
        let listener = try await Listener.open(
            options.listen[0], backlog: 64, sharesPort: false, workers: [worker])
        var clients: [TestConnection] = []
        for _ in 0..<20 {
            let client = try await TestConnection.open(port: listener.port)
            try await client.send(HTTPRelayTests.request())
            clients.append(client)
        }
        #expect(endpoint.count == 0)
        await listener.close()
        await #expect(throws: (any Error).self) { try await TestConnection.open(port: listener.port) }
        for client in clients { _ = try await client.receiveText(through: "\r\n\r\na") }
        #expect(endpoint.count == 20)
        try await group.next().submit { worker.abort() }.get()
        try await group.shutdownGracefully()
    }
}
