#if Etcd
internal import ColonyCore
internal import GRPCCore
internal import GRPCNIOTransportHTTP2
internal import GRPCProtobuf
internal import SwiftProtobuf
internal import Synchronization

/// One HTTP/2 connection to one member, and what was agreed on it.
final class EtcdLink: Sendable {
    private struct State {
        var token: String?
        var isClosed = false
        var closers: [@Sendable () -> Void] = []
    }

    /// What keeps connections, streams, and leases going: a thread of its own, so that callers that keep every thread of the
    /// global pool busy do not cost them their leases.
    static let executor = DedicatedExecutor(named: "colony-etcd")

    let address: EtcdAddress
    private let clock: any MonotonicClock
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    private let run: Task<Void, Never>
    private let state = Mutex(State())

    init(_ address: EtcdAddress, _ options: EtcdOptions) throws(EtcdFailure) {
        self.address = address
        self.clock = options.clock
        do {
            let target: any ResolvableTarget =
                switch address.form {
                case .name: .dns(host: address.host, port: address.port)
                case .ipv4: .ipv4(address: address.host, port: address.port)
                case .ipv6: .ipv6(address: address.host, port: address.port)
                }
            let transport = try HTTP2ClientTransport.Posix(
                target: target, transportSecurity: Self.security(options.tls),
                config: .defaults { config in
                    config.connection.maxIdleTime = nil
                    // No more often than etcd allows its clients, which is five seconds.
                    config.connection.keepalive = .init(
                        time: .seconds(10), timeout: .seconds(5), allowWithoutCalls: false)
                    config.backoff.initial = .milliseconds(50)
                    config.backoff.max = .seconds(1)
                    config.channelDebuggingCallbacks.onCreateTCPConnection = { PingAnswering.install(on: $0) }
                })
            let client = GRPCClient(transport: transport)
            self.client = client
            self.run = Task(executorPreference: Self.executor) {
                // What breaks a connection is seen by the calls on it.
                try? await client.runConnections()
            }
        } catch {
            throw EtcdFailure(.refused, "a connection to \(address) cannot be set up: \(error)", cause: error)
        }
    }

    private static func security(_ tls: EtcdTLS?) -> HTTP2ClientTransport.Posix.TransportSecurity {
        guard let tls else { return .plaintext }
        return .tls { config in
            config.serverCertificateVerification =
                switch tls.verification {
                case .full: .fullVerification
                case .chain: .noHostnameVerification
                case .none: .noVerification
                }
            if let file = tls.certificateFile {
                config.trustRoots = .certificates([.file(path: file, format: .pem)])
            }
        }
    }

    /// Asks for the token that every later call carries.
    func authenticate(as user: String, _ password: String, upTo limit: Duration) async throws(EtcdFailure) {
        var request = WireAuthenticateRequest()
        request.name = user
        request.password = password
        let answer = try await self.call(.authenticate, request, upTo: limit, isAuthenticating: true)
        self.state.withLock { $0.token = answer.token }
    }

    /// Asks, and gives the call up when `limit` has passed, whatever the library does: a call that begins while its connection
    /// breaks may never come back.
    func call<Request, Answer>(
        _ method: EtcdMethod<Request, Answer>, _ request: Request, upTo limit: Duration, isAuthenticating: Bool = false
    ) async throws(EtcdFailure) -> Answer {
        try await BoundedCall.run(
            upTo: limit, on: self.clock,
            timeOut: EtcdFailure(.unreachable, "\(self.address) did not answer within \(limit.text)")
        ) { () async throws(EtcdFailure) -> Answer in
            try await self.unboundedCall(method, request, isAuthenticating: isAuthenticating)
        }
    }

    private func unboundedCall<Request, Answer>(
        _ method: EtcdMethod<Request, Answer>, _ request: Request, isAuthenticating: Bool
    ) async throws(EtcdFailure) -> Answer {
        var options = CallOptions.defaults
        // As many keys as a lock can have contenders must fit in an answer.
        options.maxResponseMessageBytes = 32 << 20
        do {
            return try await self.client.unary(
                request: ClientRequest(message: request, metadata: self.metadata(isAuthenticating)),
                descriptor: method.descriptor, serializer: ProtobufSerializer<Request>(),
                deserializer: ProtobufDeserializer<Answer>(), options: options
            ) { try $0.message }
        } catch {
            throw EtcdFailure(error, from: self.address)
        }
    }

    /// Runs a stream until it breaks, the link is closed, or the task is cancelled.
    func stream<Request, Answer>(
        _ method: EtcdMethod<Request, Answer>, sending requests: AsyncStream<Request>,
        _ body: @escaping @Sendable (Answer) -> Void
    ) async throws(EtcdFailure) {
        do {
            try await self.client.bidirectionalStreaming(
                request: StreamingClientRequest(metadata: self.metadata(false)) { writer in
                    for await request in requests { try await writer.write(request) }
                },
                descriptor: method.descriptor, serializer: ProtobufSerializer<Request>(),
                deserializer: ProtobufDeserializer<Answer>(), options: .defaults
            ) { response in
                for try await answer in response.messages { body(answer) }
            }
        } catch {
            throw EtcdFailure(error, from: self.address)
        }
    }

    private func metadata(_ isAuthenticating: Bool) -> Metadata {
        // A member that has lost its leader then says so, in place of keeping the caller waiting.
        var metadata: Metadata = ["hasleader": "true"]
        if !isAuthenticating, let token = self.state.withLock({ $0.token }) {
            metadata.addString(token, forKey: "token")
        }
        return metadata
    }

    /// Has `closer` called when the link is closed; at once if it is.
    func whenClosed(_ closer: @escaping @Sendable () -> Void) {
        let isClosed = self.state.withLock { state in
            if !state.isClosed { state.closers.append(closer) }
            return state.isClosed
        }
        if isClosed { closer() }
    }

    /// Ends the streams at once, and the connection when the calls on it have ended or `limit` has passed.
    func close(within limit: Duration) {
        let closers = self.state.withLock { state -> [@Sendable () -> Void]? in
            if state.isClosed { return nil }
            state.isClosed = true
            defer { state.closers = [] }
            return state.closers
        }
        guard let closers else { return }
        for closer in closers { closer() }
        self.client.beginGracefulShutdown()
        let (run, clock) = (self.run, self.clock)
        Task(executorPreference: Self.executor) {
            try? await clock.sleep(for: limit)
            run.cancel()
        }
    }
}
#endif
