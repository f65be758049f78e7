import ColonyCaches
import ColonyCore
import ColonyRESP
import ColonyRedis
import Foundation
import RealServers
import Synchronization
import Testing

@Suite("A cache tier and a Redis that fails", .enabled(if: RedisProcess.isAvailable))
struct RedisFailureTests {
    @Test("a server that is down at the start is unavailable at once, and is used when it comes")
    func downAtStart() async throws {
        let server = try await RedisProcess(isStarted: false)
        // Far above what a busy machine needs to refuse a connection, so that the two cannot be confused.
        let tier = try server.tier { $0.timeout = .seconds(300) }
        let clock = HostClock()
        let start = clock.now
        #expect(await code { try await tier.get(["a"]) } == .unavailable)
        #expect(start.duration(to: clock.now) < .seconds(150), "half of the timeout")
        try await server.start()
        try await Polling.eventually("the server is used") {
            await code { try await tier.set([CacheWrite("a", text: "1")]) } == nil
        }
        #expect(text(try await tier.get(["a"])[0]) == "1")
        await tier.close()
    }

    @Test("a server that is killed and restarted under traffic costs only the calls of that time")
    func killedUnderTraffic() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier()
        let tally = Tally()
        let traffic = (0..<16).map { number in
            Task {
                let key = try CacheKey("task-\(number)")
                while !Task.isCancelled {
                    do {
                        try await tier.set([CacheWrite(key, text: "\(number)")])
                        // The restarted server is empty, and never has anybody else's value.
                        let found = text(try await tier.get([key])[0])
                        #expect(found == nil || found == "\(number)")
                        tally.answered.add(1, ordering: .relaxed)
                    } catch let error as CacheError {
                        tally.failed.add(1, ordering: .relaxed)
                        tally.codes.withLock { _ = $0.insert(error.code.description) }
                        await Task.yield()
                    }
                }
            }
        }
        try await Polling.eventually("traffic flows") { tally.answered.load(ordering: .relaxed) > 100 }
        server.kill()
        try await Polling.eventually("calls fail") { tally.failed.load(ordering: .relaxed) > 0 }
        try await server.start()
        let before = tally.answered.load(ordering: .relaxed)
        try await Polling.eventually("traffic flows again") { tally.answered.load(ordering: .relaxed) > before + 100 }
        for task in traffic { task.cancel() }
        for task in traffic { _ = await task.result }
        #expect(tally.codes.withLock { $0.subtracting(["cancelled"]) } == ["unavailable"])
        await tier.close()
    }

    @Test("a frozen server is unavailable when the timeout is over, and is used again when it goes on")
    func frozen() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier { $0.timeout = .milliseconds(300) }
        try await Polling.eventually("it is set") {
            await code { try await tier.set([CacheWrite("a", text: "1")]) } == nil
        }
        try await server.suspend()
        let clock = HostClock()
        let start = clock.now
        let calls = (0..<20).map { _ in Task { await code { try await tier.get(["a"]) } } }
        for call in calls { #expect(await call.value == .unavailable) }
        let waited = start.duration(to: clock.now)
        #expect(waited >= .milliseconds(295) && waited < .seconds(10), "\(waited)")
        server.resume()
        try await Polling.eventually("it answers") { (try? await tier.get(["a"])[0]).map(text) == "1" }
        await tier.close()
    }

    @Test("a connection to a server that stays frozen is given up, and what was not sent does not arrive late")
    func givenUp() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier {
            $0.timeout = .milliseconds(100)
            $0.keepAlive = .milliseconds(100)
        }
        try await Polling.eventually("it is set") {
            await code { try await tier.set([CacheWrite("a", text: "1")]) } == nil
        }
        try await server.suspend()
        var message = ""
        try await Polling.eventually("the silence is noticed") {
            do {
                _ = try await tier.get(["a"])
            } catch let error as CacheError {
                message = error.message
            }
            return message.contains("silent") || message.contains("connect") || message.contains("connection")
        }
        server.resume()
        try await Polling.eventually("it answers") { (try? await tier.get(["a"])[0]).map(text) == "1" }
        await tier.close()
    }

    @Test("after a reset in the middle of an answer the outcome is unknown")
    func resetMidReply() async throws {
        // A peer that greets, says half of an answer to everything else, and hangs up.
        let peer = try await HalfPeer(answer: "$10\r\nabc")
        var options = RedisCacheTierOptions(servers: [RedisAddress(host: "127.0.0.1", port: peer.port)])
        options.timeout = .seconds(20)
        let tier = try RedisCacheTier(options)
        let error = await #expect(throws: CacheError.self) { try await tier.set([CacheWrite("a", text: "1")]) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("closed") == true || error?.message.contains("broke") == true)
        await tier.close()
        try await peer.stop()
    }

    @Test("a peer that speaks something else is unavailable, and is quoted")
    func otherProtocol() async throws {
        let peer = try await HalfPeer(answer: "HTTP/1.1 400 Bad Request\r\n\r\n")
        var options = RedisCacheTierOptions(servers: [RedisAddress(host: "127.0.0.1", port: peer.port)])
        options.timeout = .seconds(20)
        let tier = try RedisCacheTier(options)
        let error = await #expect(throws: CacheError.self) { try await tier.get(["a"]) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("HTTP/1.1 400") == true)
        await tier.close()
        try await peer.stop()
    }

    @Test("a server that is loading, or cannot write, says so")
    func refusals() async throws {
        for (said, expected) in [
            ("LOADING Redis is loading the dataset in memory", CacheError.Code.unavailable),
            ("READONLY You can't write against a read only replica.", .unavailable),
            ("MISCONF Redis is configured to save RDB snapshots", .refused), ("MOVED 1 127.0.0.1:1", .refused),
            ("ERR Error running script (call to f_0): @user_script:1: WRONGTYPE Operation", .wrongType),
        ] {
            let peer = try await HalfPeer(answer: "-\(said)\r\n")
            let tier = try RedisCacheTier(url: "redis://127.0.0.1:\(peer.port)?timeout_ms=20000")
            let error = await #expect(throws: CacheError.self) { try await tier.set([CacheWrite("a", text: "1")]) }
            #expect(error?.code == expected, "\(said)")
            await tier.close()
            try await peer.stop()
        }
    }

    @Test("closing ends what is under way")
    func closing() async throws {
        let server = try await RedisProcess()
        let tier = try server.tier()
        try await tier.set([CacheWrite("a", text: "1")])
        try await server.suspend()
        let calls = (0..<10).map { _ in Task { await code { try await tier.get(["a"]) } } }
        let listening = try #require(tier.invalidations())
        await tier.close()
        for call in calls { #expect(await call.value == .closed) }
        for await _ in listening {}
    }

    @Test("TLS: the chain and the name are checked")
    func tls() async throws {
        guard let certificate = try Certificate() else { return }
        let port = try FreePort.take()
        let server: RedisProcess
        do {
            server = try await RedisProcess([
                "--tls-port", "\(port)", "--tls-cert-file", certificate.file, "--tls-key-file", certificate.key,
                "--tls-ca-cert-file", certificate.file, "--tls-auth-clients", "no",
            ])
        } catch {
            print("skipped: this redis-server has no TLS")
            return
        }
        let query = "timeout_ms=20000&ca=\(certificate.file)"
        let tier = try RedisCacheTier(url: "rediss://localhost:\(port)?\(query)")
        try await tier.set([CacheWrite("a", [UInt8](repeating: 9, count: 100_000))])
        #expect(try await tier.get(["a"])[0]?.value.count == 100_000)
        let byAddress = try RedisCacheTier(url: "rediss://127.0.0.1:\(port)?\(query)")
        #expect(await code { try await byAddress.get(["a"]) } == .unavailable)
        let chain = try RedisCacheTier(url: "rediss://127.0.0.1:\(port)?\(query)&verify=chain")
        #expect(await code { try await chain.get(["a"]) } == nil)
        let strangers = try RedisCacheTier(url: "rediss://localhost:\(port)?timeout_ms=20000")
        #expect(await code { try await strangers.get(["a"]) } == .unavailable)
        let noFile = try RedisCacheTier(url: "rediss://localhost:\(port)?ca=/no/such/file.pem")
        #expect(await code { try await noFile.get(["a"]) } == .invalidConfiguration)
        for tier in [tier, byAddress, chain, strangers, noFile] { await tier.close() }
        _ = server.port
    }
}

/// What became of calls that many tasks made.
final class Tally: Sendable {
    let answered = Atomic<Int>(0)
    let failed = Atomic<Int>(0)
    let codes = Mutex<Set<String>>([])
}

/// A certificate for `localhost` that signs itself, in a folder of its own; `nil` if there is no openssl.
private final class Certificate {
    private let folder: URL
    var file: String { self.folder.appending(path: "cert.pem").path }
    var key: String { self.folder.appending(path: "key.pem").path }

    init?() throws {
        self.folder = FileManager.default.temporaryDirectory.appending(path: "colony-tls-\(UUID().uuidString)")
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl") else {
            print("skipped: openssl is not installed")
            return nil
        }
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost", "-keyout", self.key, "-out", self.file,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
    }

    deinit { try? FileManager.default.removeItem(at: self.folder) }
}
