#if Etcd
import ColonyCore
import ColonyEtcd
import Foundation
import RealServers
import Testing

@Suite(
    "Bad input to the etcd engine", .enabled(if: EtcdProcess.isAvailable), .serialized, .timeLimit(.minutes(5)))
struct EtcdFailureTests {
    /// That a call fails with `code` within its time-out, and that the error names the place and no secret.
    private func expectFailure(
        _ code: LeaseError.Code, _ url: String, naming place: String, within limit: Duration = .seconds(15)
    ) async throws -> String {
        let engine = try EtcdLeaseEngine.etcd(url)
        let clock = HostClock()
        let start = clock.now
        let error = try await failure { try await engine.tryAcquire("a", owner: "me", for: .seconds(10)) }
        #expect(start.duration(to: clock.now) < limit, "the time-out of \(url)")
        #expect(error?.code == code, "\(url): \(String(describing: error))")
        #expect(error?.description.contains(place) == true, "\(String(describing: error)) names \(place)")
        #expect(error?.description.contains("s3cret") == false, "the secret is shown")
        engine.close()
        return error?.message ?? ""
    }

    @Test("nobody behind the port: unavailable at once")
    func nobody() async throws {
        let port = try FreePort.take()
        let message = try await self.expectFailure(
            .unavailable, "etcd://me:s3cret@127.0.0.1:\(port)?timeout_ms=60000", naming: "127.0.0.1:\(port)")
        #expect(!message.isEmpty)
    }

    @Test("a server that accepts and never answers: unavailable when the time-out is over")
    func silent() async throws {
        let port = try FreePort.take()
        let server = try SilentServer(port: port)
        _ = try await self.expectFailure(
            .unavailable, "etcd://me:s3cret@127.0.0.1:\(port)?timeout_ms=700", naming: "127.0.0.1:\(port)")
        withExtendedLifetime(server) {}
    }

    @Test("a member that accepts and never answers is passed by")
    func silentMember() async throws {
        let server = try await EtcdProcess()
        let port = try FreePort.take()
        let silent = try SilentServer(port: port)
        let engine = try EtcdLeaseEngine.etcd("etcd://127.0.0.1:\(port),\(server.address)?timeout_ms=6000")
        #expect(try await engine.tryAcquire("a", owner: "me", for: .seconds(10)).lease != nil)
        withExtendedLifetime(silent) {}
    }

    @Test("another kind of server behind the port: unavailable within the time-out")
    func otherKind() async throws {
        guard let redis = Tool.find("redis-server") else {
            print("skipped: redis-server is not installed")
            return
        }
        let port = try FreePort.take()
        let other = try RunningTool(
            redis, ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        try await eventually("redis listens") { (try? RawSocket(port: port)) != nil }
        _ = try await self.expectFailure(
            .unavailable, "etcd://me:s3cret@127.0.0.1:\(port)?timeout_ms=1500", naming: "127.0.0.1:\(port)")
        other.signal(SIGKILL)
        try await other.waitForEnd()
    }

    @Test(
        "TLS to a plain port, and plain to a TLS port: unavailable within the time-out; the chain and the name are checked"
    )
    func tls() async throws {
        let plain = try await EtcdProcess()
        _ = try await self.expectFailure(
            .unavailable, "etcds://me:s3cret@127.0.0.1:\(plain.port)?timeout_ms=1500", naming: plain.address)

        guard let certificate = try await Certificate() else { return }
        let server = try await EtcdProcess(
            ["--cert-file", certificate.file, "--key-file", certificate.key], scheme: "https", isStarted: false)
        try server.launch()
        try await eventually("etcd listens with TLS") {
            let url = "etcds://localhost:\(server.port)?timeout_ms=5000&ca=\(certificate.file)"
            let engine = try EtcdLeaseEngine.etcd(url)
            return try await failure { try await engine.inspect("a") } == nil
        }
        _ = try await self.expectFailure(
            .unavailable, "etcd://127.0.0.1:\(server.port)?timeout_ms=1500", naming: server.address)
        // By its address the server is not the one that the certificate is for; without the file nobody trusts it.
        for options in ["ca=\(certificate.file)&", ""] {
            let host = options.isEmpty ? "localhost" : "127.0.0.1"
            _ = try await self.expectFailure(
                .unavailable, "etcds://\(host):\(server.port)?\(options)timeout_ms=1500", naming: "\(server.port)")
        }
        let chain = try EtcdLeaseEngine.etcd(
            "etcds://127.0.0.1:\(server.port)?ca=\(certificate.file)&verify=chain&timeout_ms=20000")
        #expect(try await chain.tryAcquire("a", owner: "me", for: .seconds(10)).lease != nil)
        _ = try await self.expectFailure(
            .storageFailed, "etcds://localhost:\(server.port)?ca=/no/such/file.pem", naming: "\(server.port)")
    }

    @Test("users: the wrong password and none at all are refused, a token that runs out is renewed, rights are kept")
    func users() async throws {
        let server = try await EtcdProcess(["--auth-token-ttl", "2"])
        for command in [
            ["user", "add", "root:r00t"], ["role", "add", "locks"], ["user", "add", "me:s3cret"],
            ["role", "grant-permission", "locks", "--prefix=true", "readwrite", "locks/"],
            ["user", "grant-role", "me", "locks"], ["user", "grant-role", "root", "root"], ["auth", "enable"],
        ] {
            let output = try await server.control(command)
            try #require(output.status == 0, "\(command): \(output.text)")
        }
        _ = try await self.expectFailure(
            .storageFailed, "etcd://me:s3cret-not@\(server.address)?timeout_ms=20000", naming: server.address,
            within: .seconds(18))
        _ = try await self.expectFailure(
            .storageFailed, "etcd://\(server.address)?timeout_ms=20000", naming: server.address, within: .seconds(18))
        let engine = try EtcdLeaseEngine.etcd("etcd://me:s3cret@\(server.address)?prefix=locks/&timeout_ms=20000")
        let lease = try #require(try await engine.tryAcquire("a", owner: "me", for: .seconds(60)).lease)
        // The server forgets a token that was not used for two seconds.
        for _ in 1...2 {
            try await HostClock().sleep(for: .seconds(4))
            #expect(try await engine.renew(lease, for: .seconds(60)) != nil)
        }
        let outside = try EtcdLeaseEngine.etcd("etcd://me:s3cret@\(server.address)?timeout_ms=20000")
        let error = try await failure { try await outside.tryAcquire("a", owner: "me", for: .seconds(60)) }
        #expect(error?.code == .storageFailed, "\(String(describing: error))")
        #expect(error?.description.contains("s3cret") == false)
    }

    @Test("a connection under load is not given up: thousands of calls in a few seconds, and none fails")
    func load() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        // The server pings for every burst of data; 200 pings in half a minute used to end the connection.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<32 {
                let name = try LeaseName("job-\(number)")
                group.addTask {
                    for _ in 1...100 {
                        _ = try #require(try await engine.tryAcquire(name, owner: "me", for: .seconds(60)).lease)
                        #expect(try await engine.release(name, owner: "me", token: nil))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("a closed engine says so, and its waiting calls end")
    func closed() async throws {
        let server = try await EtcdProcess()
        let engine = try server.engine()
        let other = try server.engine()
        let lease = try #require(try await other.tryAcquire("a", owner: "me", for: .seconds(60)).lease)
        let waits = [
            Task {
                try await failure { try await engine.waitForChange(of: "a", from: lease.token, upTo: .seconds(300)) }
            },
            Task {
                try await failure { try await engine.acquire("a", owner: "you", for: .seconds(9), upTo: .seconds(300)) }
            },
        ]
        try await eventually("the second one waits") { try await other.inspect("a")?.waiters.count == 1 }
        engine.close()
        for wait in waits { #expect(try await wait.value?.code == .closed) }
        #expect(try await failure { try await engine.inspect("a") }?.code == .closed)
        // What it had in the queue is gone when the lease of its waiter is.
        try await eventually("the queue is empty") { try await other.inspect("a")?.waiters.isEmpty == true }
    }

    @Test(
        "URLs that say something else are refused with a reason",
        arguments: [
            ("etcd://", "no host"), ("etcd://h:0", "port"), ("redis://h", "scheme"), ("etcd://h/path", "prefix"),
            ("etcd://h?what=1", "none of"), ("etcd://h?ca=x", "etcds"), ("etcds://h?verify=maybe", "none of"),
            ("etcd://h?timeout_ms=soon", "number"), ("etcd://h?timeout_ms=1", "timeout"),
            ("etcd://me@h", "go together"),
        ])
    func badURLs(_ url: String, _ reason: String) throws {
        let error = #expect(throws: InvalidName.self) { try EtcdLeaseEngine.etcd(url) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
}

/// A certificate for `localhost` that signs itself, in a folder of its own; `nil` if there is no openssl.
private final class Certificate {
    private let folder: URL
    var file: String { self.folder.appending(path: "cert.pem").path }
    var key: String { self.folder.appending(path: "key.pem").path }

    init?() async throws {
        self.folder = FileManager.default.temporaryDirectory.appending(path: "colony-tls-\(UUID().uuidString)")
        guard let openssl = Tool.find("openssl") else {
            print("skipped: openssl is not installed")
            return nil
        }
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let output = try await Tool.run(
            openssl,
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost", "-keyout", self.key, "-out", self.file,
            ])
        try #require(output.status == 0, "\(output.text)")
    }

    deinit { try? FileManager.default.removeItem(at: self.folder) }
}
#endif
