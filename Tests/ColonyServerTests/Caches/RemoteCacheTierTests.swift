import ColonyCaches
import ColonyConformance
import ColonyCore
import ColonyRemote
import ColonyServer
import NIOCore
import NIOPosix
import RealServers
import Testing

/// The cache port over HTTP: every promise of the port through a daemon, and what becomes of what goes wrong on the way.
@Suite("A cache tier on a daemon", .serialized, .timeLimit(.minutes(10)))
struct RemoteCacheTierTests {
    @Test(arguments: CacheTierConformance.cases)
    func `the promises of the port hold through a daemon`(check: CacheTierCase) async throws {
        try await withServer { server async throws in
            let url = try EngineURL(server.url)
            let harness = LiveCacheTierHarness(timeScale: 0.05, effort: 0.1) {
                try await RemoteCacheTier.connect(to: url)
            }
            let outcome = await check.run(on: harness)
            #expect(outcome == .passed)
        }
    }

    @Test func `what a tier stores is what HTTP gives out, and the other way round`() async throws {
        try await withServer { server async throws in
            let tier = try await RemoteCacheTier.connect(to: EngineURL(server.url))
            try await tier.set([CacheWrite("a/b", [0, 255], timeToLive: .seconds(60))])
            let read = try await server.send(.GET, "/v1/cache/a%2Fb")
            #expect(read.bytes == [0, 255] && read.headers["content-type"] == "application/octet-stream")
            #expect(read.headers["colony-ttl-ms"] != nil)
            _ = try await server.send(.PUT, "/v1/cache/c", bytes: [7], headers: ["Content-Type": "image/png"])
            #expect(try await tier.get(["c"]).map { $0?.value } == [[7]])
            await tier.close()
        }
    }

    @Test func `the limits are the daemon's, and calls beyond one request are split`() async throws {
        try await withServer(configure: {
            $0.cache.valueBytes = 200_000
            $0.limits.batch = 3
            $0.limits.bodyBytes = 1_024
        }) { server async throws in
            let tier = try await RemoteCacheTier.connect(to: EngineURL(server.url))
            #expect(tier.limits == CacheTierLimits(valueBytes: 200_000, keysPerCall: 1_000))
            let keys = try (0..<50).map { try CacheKey("key-\($0)-" + String(repeating: "k", count: $0 * 4)) }
            try await tier.set(
                keys.enumerated().map { number, key in
                    CacheWrite(key, [UInt8](repeating: UInt8(number), count: number * 40))
                })
            let found = try await tier.get(keys)
            #expect(found.enumerated().allSatisfy { $1?.value == [UInt8](repeating: UInt8($0), count: $0 * 40) })
            let large = [UInt8](repeating: 1, count: 200_000)
            try await tier.set([CacheWrite("large", large), CacheWrite("small", [2]), CacheWrite("large", [3])])
            #expect(try await tier.get(["large", "small"]).map { $0?.value } == [[3], [2]])
            #expect(try await tier.delete(keys) == 50)
            await tier.close()
        }
    }

    @Test func `a limit that the daemon does not share is refused by the daemon`() async throws {
        try await withServer(configure: { $0.cache.valueBytes = 10 }) { server async throws in
            let tier: RemoteCacheTier = try .colony(server.url)
            let error = await #expect(throws: CacheError.self) {
                try await tier.set([CacheWrite("a", [UInt8](repeating: 1, count: 11))])
            }
            #expect(error?.code == .valueTooLarge && error?.message.contains("11 bytes") == true)
            await tier.close()
        }
    }

    @Test func `a token that is missing is refused, and one that fits is not`() async throws {
        let token = AccessToken(name: "worker", token: "work-secret", scopes: [.write])
        try await withServer(configure: { $0.tokens = [token] }) { server async throws in
            let url = try EngineURL(server.url)
            let error = await #expect(throws: CacheError.self) { try await RemoteCacheTier.connect(to: url) }
            #expect(error?.code == .refused && error?.message.contains("work-secret") == false)
            let tier = try await RemoteCacheTier.connect(to: url, token: "work-secret")
            try await tier.set([CacheWrite("a", [1])])
            let changes = try #require(tier.invalidations())
            #expect(await Self.next(changes) == .gap)
            await tier.close()
        }
    }

    @Test(arguments: ["redis://a", "http:", "http://a,b", "http://u:secret@"])
    func `an address that is none is refused and quoted without its password`(url: String) {
        let error = #expect(throws: CacheError.self) { let _: RemoteCacheTier = try .colony(url) }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("secret") == false)
    }

    @Test func `a daemon that is not there is unavailable`() async throws {
        let tier: RemoteCacheTier = try .colony("http://127.0.0.1:1")
        let error = await #expect(throws: CacheError.self) { _ = try await tier.get(["a"]) }
        #expect(error?.code == .unavailable && error?.message.contains("Connection refused") == true)
        await tier.close()
        let closed = await #expect(throws: CacheError.self) { _ = try await tier.get(["a"]) }
        #expect(closed?.code == .closed)
    }

    // MARK: Invalidations

    @Test func `a tier is not told of its own changes, and of everything being removed it is`() async throws {
        try await withServer { server async throws in
            let tier: RemoteCacheTier = try .colony(server.url)
            let changes = try #require(tier.invalidations())
            #expect(await Self.next(changes) == .gap)
            try await tier.set([CacheWrite("own", [1])])
            try await tier.set([CacheWrite("own", [1]), CacheWrite("two", [1])])
            try await tier.delete(["own"])
            guard case .stored(let version) = try await tier.compareAndSet(CacheWrite("own", [2]), expecting: nil)
            else {
                Issue.record("nothing was in the way")
                return
            }
            #expect(try await tier.compareAndDelete("own", expecting: version))
            _ = try await server.send(.PUT, "/v1/cache/other", bytes: [1])
            #expect(await Self.next(changes) == .keys(["other"]))
            _ = try await server.send(.DELETE, "/v1/cache")
            #expect(await Self.next(changes) == .all)
            await tier.close()
            #expect(await Self.next(changes) == nil)
        }
    }

    @Test func `after the daemon was gone, the sequence goes on with a gap`() async throws {
        let port = try FreePort.take()
        let tier: RemoteCacheTier = try .colony("http://127.0.0.1:\(port)")
        let changes = try #require(tier.invalidations())
        for round in 0..<2 {
            try await withServer(configure: { $0.port = port }) { server async throws in
                #expect(await Self.next(changes) == .gap, "round \(round)")
                _ = try await server.send(.PUT, "/v1/cache/a", bytes: [1])
                #expect(await Self.next(changes) == .keys(["a"]))
            }
        }
        await tier.close()
    }

    @Test func `events are read however their bytes are cut`() throws {
        let text =
            "retry: 5\nevent: gap\ndata: {}\n\n: alive\n\nevent:keys\r\ndata: a\r\ndata:  é\r\n\r\ndata\n\ndata: x\n\n"
        let expected = [
            ServerSentEvent(name: "gap", data: "{}"), ServerSentEvent(name: "keys", data: "a\n é"),
            ServerSentEvent(name: "message", data: "x"),
        ]
        for size in 1...text.utf8.count {
            var reader = ServerSentEventReader()
            var events: [ServerSentEvent] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                events += try reader.read(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            #expect(events == expected, "in parts of \(size)")
        }
        var reader = ServerSentEventReader()
        #expect(throws: ServerSentEventReader.TooLong.self) {
            try reader.read(repeatElement(UInt8(ascii: "x"), count: ServerSentEventReader.maximumBytes + 1))
        }
    }

    // MARK: Servers that misbehave

    @Test func `an answer whose body never ends is given up in time`() async throws {
        try await Self.withTrickle("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: \"1\"\r\n\r\npart") { url in
            let clock = HostClock()
            let configuration = RemoteLeaseEngine.Configuration(requestTimeout: .milliseconds(300))
            let tier = try RemoteCacheTier(url: url, configuration: configuration)
            let start = clock.now
            let error = await #expect(throws: CacheError.self) { _ = try await tier.get(["a"]) }
            #expect(error?.code == .unavailable && error?.message.contains("no answer came in time") == true)
            #expect(start.duration(to: clock.now) < .seconds(10))
            let engine = try RemoteLeaseEngine(url: url, configuration: configuration)
            let lease = await #expect(throws: LeaseError.self) { _ = try await engine.inspect("a") }
            #expect(lease?.code == .unavailable)
            let task = Task { try await RemoteCacheTier(url: url).get(["a"]) }
            task.cancel()
            let cancelled = await #expect(throws: CacheError.self) { _ = try await task.value }
            #expect(cancelled?.code == .cancelled)
            await tier.close()
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    ])
    func `a server that is no daemon is said to be none`(answer: String) async throws {
        try await Self.withTrickle(answer) { url in
            let tier = try RemoteCacheTier(url: url)
            let error = await #expect(throws: CacheError.self) { _ = try await tier.get(["a"]) }
            #expect(error?.code == .invalidRequest, "\(String(describing: error))")
            #expect(error?.message.contains("does not answer as a Colony daemon does") == true)
            await tier.close()
        }
    }

    /// A server that answers every request with the same bytes and keeps the connection open.
    private static func withTrickle(_ answer: String, _ body: (EngineURL) async throws -> Void) async throws {
        final class Answerer: ChannelInboundHandler {
            typealias InboundIn = ByteBuffer
            let answer: String
            init(_ answer: String) { self.answer = answer }

            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                context.writeAndFlush(NIOAny(ByteBuffer(string: self.answer)), promise: nil)
            }
        }
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answerer(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(EngineURL("http://127.0.0.1:\(channel.localAddress?.port ?? 0)")))
        } catch {
            outcome = .failure(error)
        }
        try await channel.close().get()
        try outcome.get()
    }

    private static func next(_ changes: CacheInvalidations) async -> CacheInvalidation? {
        var iterator = changes.makeAsyncIterator()
        return await iterator.next()
    }
}
