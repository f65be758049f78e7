import ColonyBalancing
import ColonyCore
import NIOCore
import NIOPosix
import RealServers
import Testing

@testable import ColonyProxy

@Suite("A socket that a proxy listens with")
struct ListenerTests {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private func worker(_ options: ProxyOptions, to endpoint: AnsweringServer) throws -> ProxyWorker {
        let balancer = try RunningProxy.balancer(to: [endpoint.port])
        let clock = HostClock()
        let settings = try ProxySettings(
            options, upstreams: [ProxyUpstream("default", balancer: balancer)], clock: clock)
        return ProxyWorker(
            group: self.group, eventLoop: self.group.next(), settings: settings, clock: clock,
            connectionCount: ConnectionCount())
    }

    private func end(_ worker: ProxyWorker) async throws {
        try await self.group.next().submit { worker.abort() }.get()
        try await self.group.shutdownGracefully()
    }

    @Test("connections that the system has made, and nobody has accepted, are served though the socket is closed")
    func backlogIsServed() async throws {
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("a"))
        // A port that the system chooses may be given to another test as soon as it is free.
        let options = try ProxyOptions(
            mode: .http, listen: [ListenAddress(host: "127.0.0.1", port: FreePort.take())])
        let worker = try self.worker(options, to: endpoint)
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
        try await self.end(worker)
    }

    #if os(Linux)
    @Test("who knocks at a socket that is about to close is let in by another that shares its port")
    func newcomersGoToTheNext() async throws {
        let endpoint = try await AnsweringServer.start(HTTPRelayTests.answer("a"))
        let options = try ProxyOptions(
            mode: .http, listen: [ListenAddress(host: "127.0.0.1", port: FreePort.take())], sharesPort: true)
        let worker = try self.worker(options, to: endpoint)
        func listen() async throws -> Listener {
            try await Listener.open(options.listen[0], backlog: 64, sharesPort: true, workers: [worker])
        }
        var listener = try await listen()
        await listener.accept()
        // They come all the time, so that some knock at the moment of each end.
        let port = listener.port
        let answered = try await withThrowingTaskGroup(of: Int.self) { group in
            let isOver = OneShotSignal()
            for _ in 0..<8 {
                group.addTask {
                    var count = 0
                    while !isOver.isFired {
                        let client = try await TestConnection.open(port: port)
                        try await client.send(HTTPRelayTests.request())
                        _ = try await client.receiveText(through: "\r\n\r\na")
                        await client.close()
                        count += 1
                    }
                    return count
                }
            }
            for _ in 0..<10 {
                let next = try await listen()
                await next.accept()
                await listener.close()
                listener = next
            }
            isOver.fire()
            return try await group.reduce(0, +)
        }
        #expect(answered == endpoint.count)
        await listener.close()
        try await self.end(worker)
    }
    #endif
}
