import ColonyBalancing
import ColonyProxy
import Testing

@Suite("The proxy with clients that take their time", .timeLimit(.minutes(3)))
struct SlowClientTests {
    private static let block = [UInt8](repeating: 42, count: 1 << 20)

    private static func bytesToClients(_ proxy: RunningProxy) async -> Int {
        Int(await proxy.server.statistics().traffic.bytesToClients)
    }

    /// Waits until a number of the proxy does not grow any more, and returns it.
    private static func settled(
        _ proxy: RunningProxy, beyond: UInt64 = 10_000, _ number: KeyPath<ProxyStatistics.Traffic, UInt64>
    ) async throws -> Int {
        var before: UInt64 = 0
        var looks = 0
        try await eventually("a number that grows no more") {
            let now = await proxy.server.statistics().traffic[keyPath: number]
            looks = now > beyond && now == before ? looks + 1 : 0
            before = now
            return looks > 50
        }
        return Int(before)
    }

    /// Opens a client that takes nothing of an answer that the proxy has whole.
    ///
    /// The endpoint sends as long as the proxy reads. Then it ends its direction: all up to an end is read, also for a client that takes
    /// nothing, so that what the system does not take is left in the proxy.
    private static func slowClient(
        _ proxy: RunningProxy, _ endpoint: TestServer, request: String = HTTPRelayTests.request()
    ) async throws -> (client: TestConnection, bytes: Int) {
        let before = await Self.bytesToClients(proxy)
        let client = try await TestConnection.open(port: proxy.port, reads: false, keepsBytes: false)
        let count = endpoint.count
        try await client.send(request)
        let server = try await endpoint.connection(count)
        _ = try await server.receiveText(through: "\r\n\r\n")
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let piece = "10000\r\n\(String(repeating: "a", count: 0x10000))\r\n"
        try await server.send(head)
        var sent = head.utf8.count
        repeat {
            try await server.send(piece)
            sent += piece.utf8.count
        } while try await holds(withinLooks: 25) { await Self.bytesToClients(proxy) >= before + sent }
        try await server.send("0\r\n\r\n")
        try await server.endOutput()
        sent += 5
        try await eventually("a whole answer in the proxy") { await Self.bytesToClients(proxy) >= before + sent }
        return (client, sent)
    }

    @Test(
        "a client that rests while it has not taken all of its answer still gets it, and is closed for its rest only then"
    )
    func restsAfterWrites() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(keepAlive: .milliseconds(500)), mode: .http
        ) { proxy in
            let (slow, bytes) = try await Self.slowClient(proxy, endpoint)
            // Another one that rests from later on shows when the time is over.
            let resting = try await TestConnection.open(port: proxy.port)
            let count = endpoint.count
            try await resting.send(HTTPRelayTests.request())
            let server = try await endpoint.connection(count)
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(HTTPRelayTests.answer("ok"))
            try await resting.waitForEnd()
            try await slow.startReading()
            try await eventually("the whole answer") { slow.inbox.contents.count >= bytes }
            try await slow.waitForEnd()
            #expect(!slow.inbox.contents.isBroken)
        }
    }

    @Test("on shutdown a client that has not taken all of its answer still gets it")
    func drainsWrites() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], drain: .seconds(60), mode: .http) { proxy in
            let (slow, bytes) = try await Self.slowClient(proxy, endpoint)
            let resting = try await TestConnection.open(port: proxy.port)
            try await eventually("two clients") {
                await proxy.server.statistics().traffic.activeConnections == 2
            }
            proxy.server.shutDown()
            try await resting.waitForEnd()
            try await slow.startReading()
            try await eventually("the whole answer") { slow.inbox.contents.count >= bytes }
            try await slow.waitForEnd()
            #expect(!slow.inbox.contents.isBroken)
        }
    }

    @Test("the time to be done with sending begins when the last answer is taken")
    func lingersAfterWrites() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let upload = HTTPRelayTests.request("POST", fields: "Content-Length: 1000000\r\n")
            let (slow, bytes) = try await Self.slowClient(proxy, endpoint, request: upload)
            // A later one that takes its answer and says nothing more shows when the time is over.
            let other = try await TestConnection.open(port: proxy.port)
            let count = endpoint.count
            try await other.send(upload)
            let server = try await endpoint.connection(count)
            _ = try await server.receiveText(through: "\r\n\r\n")
            try await server.send(HTTPRelayTests.answer("no"))
            _ = try await other.receiveText(through: "no")
            try await eventually("the end of the later client") {
                await proxy.server.statistics().traffic.activeConnections <= 1
            }
            try await slow.startReading()
            try await eventually("the whole answer") { slow.inbox.contents.count >= bytes }
            try await slow.waitForEnd()
            #expect(!slow.inbox.contents.isBroken)
        }
    }

    @Test(
        "a client that asks on and on and takes nothing is not answered without a bound, and gets all when it takes it")
    func ownAnswersHaveABound() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            for endpoint in proxy.balancer.endpoints {
                try proxy.balancer.setHealth(of: endpoint.name, isHealthy: false, by: "test")
            }
            let probe = try await TestConnection.open(port: proxy.port)
            try await probe.send(HTTPRelayTests.request())
            let size = try await probe.receiveText(through: "}\n").utf8.count
            let count = 60_000
            let slow = try await TestConnection.open(port: proxy.port, reads: false, keepsBytes: false)
            slow.sendLater(Array(String(repeating: HTTPRelayTests.request(), count: count).utf8))
            let answered = try await Self.settled(proxy, beyond: 100, \.ownAnswers)
            #expect(answered < count * 3 / 4, "\(answered) of \(count) answers for a client that takes none")
            try await slow.startReading()
            try await eventually("all answers") { slow.inbox.contents.count == count * size }
        }
    }

    @Test("an endpoint is not to blame if a client takes no answer")
    func endpointIsNotBlamed() async throws {
        let answer = HTTPRelayTests.answer(String(repeating: "a", count: 8_192))
        let endpoint = try await AnsweringServer.start(answer)
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(requestHead: .seconds(6), answer: .seconds(4)), mode: .http
        ) { proxy in
            let count = 4_000
            let slow = try await TestConnection.open(port: proxy.port, reads: false, keepsBytes: false)
            slow.sendLater(Array(String(repeating: HTTPRelayTests.request(), count: count).utf8))
            _ = try await Self.settled(proxy, \.bytesToClients)
            // Its end shows when the time for an answer is over.
            let silent = try await TestConnection.open(port: proxy.port)
            try await silent.waitForEnd()
            let statistics = await proxy.server.statistics()
            #expect(statistics.endpoints.first?.failures == 0)
            #expect(statistics.traffic.ownAnswers == 0)
            #expect(statistics.traffic.requests < count)
            try await slow.startReading()
            try await eventually("all answers") { slow.inbox.contents.count == count * answer.utf8.count }
        }
    }

    @Test("an early answer that stops beside an upload that stops is broken off after the endpoint's time")
    func bothStop() async throws {
        let endpoint = try await TestServer.start(reads: false)
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(endpointIdle: .milliseconds(500)), mode: .http
        ) { proxy in
            let client = try await TestConnection.open(port: proxy.port)
            client.sendLater(Array(HTTPRelayTests.request("POST", fields: "Content-Length: \(64 << 20)\r\n").utf8))
            for _ in 0..<64 { client.sendLater(Self.block) }
            let server = try await endpoint.connection()
            try await server.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            try await client.waitForEnd()
            #expect(client.inbox.contents.isBroken)
            let statistics = await proxy.server.statistics()
            #expect(statistics.traffic.timeouts == 1)
            #expect(statistics.endpoints.first?.failures == 1)
        }
    }

    @Test("an endpoint is not to blame if a client ends its upload and does not take the answer that came early")
    func slowAtTheEndOfAnUpload() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(
            to: [endpoint.port], timeouts: ProxyTimeouts(requestHead: .seconds(6), endpointIdle: .seconds(4)),
            mode: .http
        ) { proxy in
            let slow = try await TestConnection.open(port: proxy.port, reads: false, keepsBytes: false)
            try await slow.send(HTTPRelayTests.request("POST", fields: "Content-Length: 4\r\n"))
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            server.sendLater(Array("HTTP/1.1 200 OK\r\nContent-Length: \(64 << 20)\r\n\r\n".utf8))
            for _ in 0..<64 { server.sendLater(Self.block) }
            _ = try await Self.settled(proxy, \.bytesToClients)
            try await slow.send("body")
            #expect(try await server.receiveText(4) == "body")
            let silent = try await TestConnection.open(port: proxy.port)
            try await silent.waitForEnd()
            try await slow.startReading()
            try await eventually("the whole answer") { slow.inbox.contents.count >= 64 << 20 }
            #expect(await proxy.server.statistics().endpoints.first?.failures == 0)
        }
    }

    @Test("what a client sends ahead is read up to a bound, and goes on from there")
    func aheadHasABound() async throws {
        let endpoint = try await TestServer.start()
        try await withProxy(to: [endpoint.port], mode: .http) { proxy in
            let request = HTTPRelayTests.request(fields: "X: \(String(repeating: "a", count: 8_000))\r\n")
            let client = try await TestConnection.open(port: proxy.port)
            try await client.send(request)
            let server = try await endpoint.connection()
            _ = try await server.receiveText(through: "\r\n\r\n")
            client.sendLater(Array(String(repeating: request, count: 2_000).utf8))
            let read = try await Self.settled(proxy, \.bytesFromClients)
            // The bound, and what one round of reading brings beyond it.
            #expect(read < 1 << 20, "\(read) bytes were read of a client whose request is not answered")
            for number in 0..<200 {
                try await server.send(HTTPRelayTests.answer("answer \(number);"))
                #expect(try await client.receiveText(through: ";").hasSuffix("answer \(number);"))
                _ = try await server.receiveText(through: "\r\n\r\n")
            }
            #expect(await proxy.server.statistics().traffic.bytesFromClients > read)
        }
    }
}
