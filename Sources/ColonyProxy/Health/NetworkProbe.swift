public import ColonyBalancing
public import ColonyCore
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// The real probes of a `HealthChecker`: connections, TLS handshakes, HTTP/1.1 requests, and commands.
///
/// ```swift
/// let checker = try HealthChecker([check], probe: NetworkProbe(clock: clock), clock: clock)
/// ```
///
/// What is guaranteed:
///
/// - Each probe makes a connection of its own and closes it. Nothing listens, and nothing is kept between probes but certificates that were read.
/// - Each probe ends by its deadline, and soon after its task is cancelled; its connection is closed then, and its command is gone with all
///   processes of its group.
/// - Whatever goes wrong is a result with a sentence about it.
/// - An answer is read strictly: what RFC 9112 calls an error is a failure, and so is an answer that ends too early. Of a head and of a body no more
///   than 64 KiB are read.
///
/// Host names are looked up for each probe, on threads that may wait. All addresses of a name are tried, the next one a quarter of a second
/// after the last, as in RFC 8305.
public final class NetworkProbe: HealthProbe, Sendable {
    private let clock: any MonotonicClock
    private let names: HostLookup
    private let contexts = ProbeCertificates()

    /// Makes a probe. It does no I/O.
    ///
    /// - Parameter clock: That of the checker. Connections keep real time, whatever the clock says.
    public convenience init(clock: any MonotonicClock = HostClock()) {
        self.init(clock: clock, names: .shared)
    }

    package init(clock: any MonotonicClock, names: HostLookup) {
        self.clock = clock
        self.names = names
    }

    /// Asks `endpoint` as `check` says.
    ///
    /// - Returns: The result; any failure is one, also that of a certificate that cannot be read.
    public func probe(
        _ endpoint: Endpoint, with check: HealthCheck, deadline: MonotonicInstant
    ) async -> HealthProbeResult {
        let start = self.clock.now
        let verdict = await self.ask(endpoint, check, until: deadline)
        let latency = start.duration(to: self.clock.now)
        return switch verdict {
        case .good(let reason): .success(reason, latency: latency)
        case .bad(let reason): .failure(reason, latency: latency)
        }
    }

    private func ask(_ endpoint: Endpoint, _ check: HealthCheck, until deadline: MonotonicInstant) async -> ProbeVerdict
    {
        switch check.kind {
        case .command(let command):
            return await ProbeCommand(command, endpoint, port: check.port).run(
                until: deadline, on: self.clock, timeout: check.timeout)
        case .tcp:
            return await self.connect(endpoint, check, .connection, nil, until: deadline)
        case .tls(let tls):
            return await self.connect(endpoint, check, .handshake, tls, until: deadline)
        case .http(let http):
            return await self.connect(endpoint, check, .request(http), http.tls, until: deadline)
        }
    }

    private func connect(
        _ endpoint: Endpoint, _ check: HealthCheck, _ question: ProbeQuestion, _ tls: HealthCheck.TLS?,
        until deadline: MonotonicInstant
    ) async -> ProbeVerdict {
        var secrecy: ProbeSecrecy?
        if let tls {
            do {
                var protocols: [String] = []
                if case .request = question { protocols = ["http/1.1"] }
                secrecy = ProbeSecrecy(
                    context: try await self.contexts.context(for: tls, protocols), serverName: tls.serverName)
            } catch {
                return .bad("TLS cannot be set up: \(error)")
            }
        }
        let target = ProbeTarget(endpoint.address, port: check.port)
        let session = ProbeSession(target, question, secrecy, names: self.names)
        return await session.run(atMost: self.clock.now.duration(to: deadline), timeout: check.timeout)
    }
}

/// What a probe has found, without its time.
package enum ProbeVerdict: Hashable, Sendable {
    case good(String)
    case bad(String)
}

/// What is asked once a connection is made.
enum ProbeQuestion: Sendable {
    case connection
    case handshake
    case request(HealthCheck.HTTP)
}

/// How a connection is encrypted.
struct ProbeSecrecy: Sendable {
    let context: NIOSSLContext
    /// In place of the host.
    let serverName: String?
}

/// Where a probe connects to.
struct ProbeTarget: Sendable {
    enum Place: Sendable {
        case address(SocketAddress)
        case name(String, port: Int)
        case socket(path: String)
    }

    let place: Place
    /// The name that TLS asks for; `nil` where there is none, as for a numeric address.
    let serverName: String?
    /// The value of the `Host` header.
    let authority: String

    init(_ address: EndpointAddress, port: Int?) {
        switch address.kind {
        case .host(let host, let ownPort):
            let port = port ?? ownPort
            self.authority = HostAndPort.text(host: host, port: port)
            if let numeric = try? SocketAddress(ipAddress: host, port: port) {
                self.place = .address(numeric)
                self.serverName = nil
            } else {
                self.place = .name(host, port: port)
                self.serverName = host
            }
        case .socket(let path):
            self.place = .socket(path: path)
            self.serverName = nil
            self.authority = "localhost"
        }
    }
}

/// The settings of TLS, made once for each kind and kept, because that reads files and parses many certificates.
final class ProbeCertificates: Sendable {
    private struct Key: Hashable {
        let tls: HealthCheck.TLS
        let protocols: [String]
    }

    /// Checks come from a configuration, so there are few; the limit is against programs that make them up as they go.
    private static let most = 64
    private let contexts = Mutex<[Key: NIOSSLContext]>([:])

    func context(for tls: HealthCheck.TLS, _ protocols: [String]) async throws -> NIOSSLContext {
        let key = Key(tls: tls, protocols: protocols)
        if let context = self.contexts.withLock({ $0[key] }) { return context }
        let context = try await NIOThreadPool.singleton.runIfActive {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification = tls.verifies ? .fullVerification : .none
            configuration.applicationProtocols = protocols
            if let file = tls.trustRootsFile { configuration.trustRoots = .file(file) }
            return try NIOSSLContext(configuration: configuration)
        }
        self.contexts.withLock { contexts in
            if contexts.count >= Self.most { contexts.removeAll() }
            contexts[key] = context
        }
        return context
    }
}
