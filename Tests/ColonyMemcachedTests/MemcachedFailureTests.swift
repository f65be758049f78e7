import ColonyCaches
import ColonyCore
import ColonyMemcached
import NIOCore
import NIOPosix
import Synchronization
import Testing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

@Suite("A tier whose memcached fails", .enabled(if: MemcachedProcess.isAvailable), .timeLimit(.minutes(2)))
struct MemcachedFailureTests {
    @Test func `a server that comes later is found`() async throws {
        let memcached = try await MemcachedProcess(isStarted: false)
        let tier = try memcached.tier()
        let failure = await #expect(throws: CacheError.self) { try await tier.get(["a"]) }
        #expect(failure?.code == .unavailable)
        #expect(failure?.message.contains("127.0.0.1:\(memcached.port)") == true)
        try await memcached.start()
        try await eventually("the server is found") { (try? await tier.get(["a"])) == [nil] }
        await tier.close()
    }

    @Test func `a server that is killed and started anew is found, empty`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        try await tier.set([CacheWrite("a", [1])])
        memcached.kill()
        try await eventually("calls fail") {
            await code { () throws(CacheError) in try await tier.get(["a"]) } == .unavailable
        }
        try await memcached.start()
        try await eventually("the server is found") { (try? await tier.get(["a"])) == [nil] }
        try await tier.set([CacheWrite("a", [2])])
        #expect(try await tier.get(["a"])[0]?.value == [2])
        await tier.close()
    }

    @Test func `a server that stands still costs no more than the time-out`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier { $0.requestTimeout = .milliseconds(300) }
        try await eventually("the server answers") { (try? await tier.set([CacheWrite("a", [1])])) != nil }
        try await memcached.suspend()
        let clock = HostClock()
        for _ in 0..<3 {
            let start = clock.now
            #expect(await code { () throws(CacheError) in try await tier.get(["a"]) } == .unavailable)
            #expect(start.duration(to: clock.now) < .seconds(10))
        }
        memcached.signal(SIGCONT)
        try await eventually("the server answers again") { (try? await tier.get(["a"])[0]?.value) == [1] }
        await tier.close()
    }

    @Test func `a cancelled caller does not wait, and the others get their answers`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        try await tier.set([CacheWrite("a", [1])])
        try await memcached.suspend()
        let cancelled = Task { await code { () throws(CacheError) in try await tier.get(["a"]) } }
        let other = Task { try await tier.get(["a"])[0]?.value }
        cancelled.cancel()
        #expect(await cancelled.value == .cancelled)
        memcached.signal(SIGCONT)
        #expect(try await other.value == [1])
        await tier.close()
    }

    @Test func `commands that wait for answers do not fill the memory`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier { $0.maximumPendingBytes = 100_000 }
        try await tier.set([CacheWrite("a", [1])])
        try await memcached.suspend()
        let value = [UInt8](repeating: 1, count: 80_000)
        let codes = await withTaskGroup(of: CacheError.Code?.self) { group in
            for _ in 0..<3 {
                group.addTask { await code { () throws(CacheError) in try await tier.set([CacheWrite("a", value)]) } }
            }
            var codes: [CacheError.Code?] = []
            for await code in group {
                codes.append(code)
                // Those that were let in are answered when the others have been refused.
                if codes.count == 2 { memcached.signal(SIGCONT) }
            }
            return codes
        }
        #expect(codes == [.overloaded, .overloaded, nil])
        await tier.close()
    }

    @Test func `a closed tier says so, also to calls under way`() async throws {
        let memcached = try await MemcachedProcess()
        let tier = try memcached.tier()
        try await tier.set([CacheWrite("a", [1])])
        try await memcached.suspend()
        let underWay = Task { await code { () throws(CacheError) in try await tier.get(["a"]) } }
        await tier.close()
        await tier.close()
        #expect(await underWay.value == .closed)
        #expect(await code { () throws(CacheError) in try await tier.get(["a"]) } == .closed)
        memcached.signal(SIGCONT)
    }

    // MARK: Several servers

    @Test func `a server that is down takes its keys with it and no others`() async throws {
        let servers = [try await MemcachedProcess(), try await MemcachedProcess(), try await MemcachedProcess()]
        let options = servers[0].options { $0.servers = servers.map(\.server) }
        let tier = try MemcachedCacheTier(options)
        let keys = (0..<300).map { CacheKey(stringLiteral: "key-\($0)") }
        try await tier.set(keys.map { CacheWrite($0, Array($0.rawValue.utf8)) })
        #expect(try await tier.get(keys).map { $0?.value } == keys.map { Array($0.rawValue.utf8) })
        let ring = try ServerRing(options.servers)
        for (index, server) in servers.enumerated() {
            let own = keys.filter { ring.index(of: $0) == index }
            #expect(own.count > 30)
            let alone = try server.tier()
            #expect(try await alone.get(keys).count { $0 != nil } == own.count)
            #expect(try await alone.get(own).allSatisfy { $0 != nil })
            await alone.close()
        }
        servers[1].kill()
        for key in keys {
            let failure = await code { () throws(CacheError) in try await tier.get([key]) }
            #expect(failure == (ring.index(of: key) == 1 ? .unavailable : nil))
        }
        #expect(await code { () throws(CacheError) in try await tier.get(keys) } == .unavailable)
        try await servers[1].start()
        try await eventually("all are there") { (try? await tier.get(keys))?.count { $0 == nil } ?? 0 > 30 }
        await tier.close()
    }

    @Test(arguments: [
        [], [MemcachedServer("a"), MemcachedServer("a")], [MemcachedServer("a", port: 0)], [MemcachedServer("")],
        [MemcachedServer("a b")],
    ])
    func `servers that cannot be are refused`(servers: [MemcachedServer]) throws {
        let error = try #require(throws: CacheError.self) { try MemcachedCacheTier(servers: servers) }
        #expect(error.code == .invalidConfiguration)
    }

    // MARK: Other servers

    @Test(arguments: [
        ("-ERR unknown command 'mg'\r\n", CacheError.Code.unavailable, "-ERR unknown command"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", .unavailable, "HTTP/1.1 400"),
        ("ERROR\r\n", .refused, "1.6"),
        ("ERROR Too many open connections\r\n", .unavailable, "Too many open"), ("", .unavailable, "ended before"),
        ("SERVER_ERROR out of memory\r\nMN\r\n", .refused, "out of memory"),
        ("CLIENT_ERROR unauthenticated\r\nMN\r\n", .refused, "unauthenticated"),
        ("VA 1 O0\r\na\r\nMN\r\n", .unavailable, "does not fit"),
        ("VA 1 c1 O7\r\na\r\nMN\r\n", .unavailable, "does not fit"),
        ("HD\r\nMN\r\n", .unavailable, "does not fit"),
    ])
    func `a port that speaks something else is told from memcached`(
        answer: String, expected: CacheError.Code, part: String
    ) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FixedAnswer(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        var options = MemcachedOptions(servers: [MemcachedServer("127.0.0.1", port: UInt16(port))])
        options.requestTimeout = .seconds(20)
        let tier = try MemcachedCacheTier(options)
        let failure = await #expect(throws: CacheError.self) { try await tier.get(["a"]) }
        #expect(failure?.code == expected)
        #expect(failure?.message.contains(part) == true, "\(String(describing: failure))")
        await tier.close()
        try await server.close()
    }
}

/// Answers the first bytes with a fixed text, and ends the connection if the text is empty.
private final class FixedAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let answer: String

    init(_ answer: String) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if self.answer.isEmpty {
            context.close(promise: nil)
        } else {
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(string: self.answer)), promise: nil)
        }
    }
}
