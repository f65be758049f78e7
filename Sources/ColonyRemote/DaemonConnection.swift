import AsyncHTTPClient
import ColonyCore
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A pool of connections to one daemon, and the translation of what goes wrong on them.
final class DaemonConnection: Sendable {
    enum Method: String {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    /// What came back, with its whole body.
    struct Answer {
        let status: UInt
        let headers: HTTPHeaders
        let body: ByteBuffer
        let place: String
        let isProblem: Bool
        /// After how long the daemon asks to be asked again, if it says so.
        let retryAfter: Duration?

        /// The value of a header field.
        func field(_ name: String) -> String? { self.headers.first(name: name) }
        var bytes: [UInt8] { Array(self.body.readableBytesView) }
    }

    /// A page of the most locks with the longest names and many waiters stays below this.
    static let bodyLimit = 16 << 20

    private let client: HTTPClient
    private let base: String
    /// Where the daemon is, without secrets, for messages.
    private let place: String
    private let token: String?
    private let requestTimeout: Duration
    private let clock = HostClock()

    /// - Parameter silence: How long an answer that has begun may pause; `nil` bounds the whole of it in ``send`` only.
    init(
        url: EngineURL, token: String?, configuration: RemoteLeaseEngine.Configuration, silence: Duration? = nil
    ) throws(InvalidName) {
        guard ["http", "https"].contains(url.scheme), url.hosts.count == 1 else {
            throw InvalidName(
                role: "daemon's address", value: "\(url)", reason: "http://HOST:PORT or https://HOST:PORT is expected")
        }
        let path = url.path.hasSuffix("/") ? String(url.path.dropLast()) : url.path
        self.base = "\(url.scheme)://\(url.hosts[0])\(path)"
        self.place = self.base
        self.token = token ?? url.password
        self.requestTimeout = configuration.requestTimeout
        var settings = HTTPClient.Configuration(redirectConfiguration: .disallow)
        settings.timeout.connect = .nanoseconds(configuration.connectTimeout.clampedNanoseconds)
        settings.timeout.read = silence.map { .nanoseconds($0.clampedNanoseconds) }
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connectionLimit
        // Whether to ask again is the caller's decision, who knows how long the lease still runs.
        settings.connectionPool.retryConnectionEstablishment = false
        settings.httpVersion = .http1Only
        self.client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    deinit {
        self.client.shutdown { _ in }
    }

    /// Ends all connections and the requests on them. Later requests fail.
    func close() async {
        // It fails only when it was closed before.
        try? await self.client.shutdown()
    }

    private func request(_ method: Method, _ path: String) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: self.base + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        return request
    }

    /// Sends a request and reads the whole answer, within one limit of time.
    ///
    /// - Parameters:
    ///   - headers: What the request says besides; a body is JSON unless `content-type` or another field is given.
    ///   - wait: How long the daemon was asked to wait, which its answer may take longer.
    ///   - answerBytes: The longest body that is read.
    func send(
        _ method: Method, _ path: String, body: Data? = nil, headers: [(String, String)] = [],
        waiting wait: Duration = .zero, answerBytes: Int = DaemonConnection.bodyLimit
    ) async throws(LeaseError) -> Answer {
        var request = self.request(method, path)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body {
            if headers.isEmpty { request.headers.add(name: "content-type", value: "application/json") }
            request.body = .bytes(body, length: .known(Int64(body.count)))
        }
        do {
            let limit = self.requestTimeout + max(.zero, wait)
            let deadline = self.clock.now.advanced(by: limit)
            let response = try await self.client.execute(request, timeout: .nanoseconds(limit.clampedNanoseconds))
            return Answer(
                status: response.status.code, headers: response.headers,
                body: try await self.collect(response.body, upTo: answerBytes, before: deadline), place: self.place,
                isProblem: response.headers.first(name: "content-type")?.hasPrefix("application/problem+json") ?? false,
                retryAfter: response.headers.first(name: "retry-after").flatMap { Int($0) }.map { .seconds($0) })
        } catch {
            throw self.translated(error)
        }
    }

    /// Reads a body. The time-out of the request ends with the head of the answer, and a body may trickle in for ever.
    private func collect(
        _ body: HTTPClientResponse.Body, upTo limit: Int, before deadline: MonotonicInstant
    ) async throws -> ByteBuffer {
        let limitOfTime = self.clock.now.duration(to: deadline)
        return try await BoundedCall.run(
            upTo: limitOfTime, on: self.clock, timeOut: HTTPClientError.deadlineExceeded as any Error
        ) { () async throws(any Error) in
            // Cancelled, it ends, and the connection with it.
            try await body.collect(upTo: limit)
        }
    }

    /// Reads server-sent events until the stream ends or breaks, or the task is cancelled.
    ///
    /// - Throws: `LeaseError`, also when the answer is no stream of events.
    func events(_ path: String, _ receive: (ServerSentEvent) -> Void) async throws(LeaseError) {
        var request = self.request(.get, path)
        request.headers.add(name: "accept", value: "text/event-stream")
        do {
            let response = try await self.client.execute(
                request, timeout: .nanoseconds(self.requestTimeout.clampedNanoseconds))
            guard response.status.code == 200,
                response.headers.first(name: "content-type")?.hasPrefix("text/event-stream") == true
            else {
                throw LeaseError(
                    .unavailable, "\(self.place) answered with status \(response.status.code) and no events")
            }
            var reader = ServerSentEventReader()
            for try await part in response.body {
                for event in try reader.read(part.readableBytesView) { receive(event) }
            }
        } catch let error as LeaseError {
            throw error
        } catch {
            throw self.translated(error)
        }
    }

    func post(
        _ path: String, _ document: some Encodable, waiting wait: Duration = .zero
    ) async throws(LeaseError) -> Answer {
        let body: Data
        do {
            body = try JSONEncoder().encode(document)
        } catch {
            throw LeaseError(.invalidRequest, "the request cannot be written as JSON", cause: error)
        }
        return try await self.send(.post, path, body: body, waiting: wait)
    }

    func get<Document: Decodable>(_ path: String, as type: Document.Type) async throws(LeaseError) -> Document {
        let answer = try await self.send(.get, path)
        guard answer.status == 200 else { throw answer.error }
        return try answer.decoded(as: type)
    }

    private func translated(_ error: any Error) -> LeaseError {
        if Task.isCancelled || error is CancellationError {
            return LeaseError(.cancelled, "the request to \(self.place) was cancelled", cause: error)
        }
        let reason: String
        switch error as? HTTPClientError {
        case .connectTimeout?, .getConnectionFromPoolTimeout?: reason = "no connection could be made in time"
        case .deadlineExceeded?, .readTimeout?, .writeTimeout?: reason = "no answer came in time"
        case .remoteConnectionClosed?: reason = "the connection was closed before the answer"
        default: reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
        }
        return LeaseError(.unavailable, "the daemon at \(self.place) cannot be reached: \(reason)", cause: error)
    }
}

extension DaemonConnection.Answer {
    /// - Throws: `LeaseError` if this is not the answer of a Colony daemon.
    func decoded<Document: Decodable>(as type: Document.Type) throws(LeaseError) -> Document {
        do {
            return try JSONDecoder().decode(type, from: self.body)
        } catch {
            throw self.nonsense("\(error)")
        }
    }

    /// The stable code of a refusal, if the answer has one.
    var code: String? { self.problem?.code }

    var problem: ProblemDocument? {
        self.isProblem ? try? JSONDecoder().decode(ProblemDocument.self, from: self.body) : nil
    }

    /// What a refusal means to who asked.
    var error: LeaseError {
        guard let problem, let code = problem.code else {
            return self.status >= 500
                ? LeaseError(.unavailable, "\(self.place) answered with status \(self.status)")
                : self.nonsense("it answered with status \(self.status)")
        }
        let message = "the daemon at \(self.place) says: \(problem.detail ?? problem.title ?? code)"
        switch code {
        case "store_failed": return LeaseError(.storageFailed, message)
        case "unsupported", "not_offered": return LeaseError(.unsupported, message)
        case "too_many_waiters", "too_many_requests", "draining", "store_unavailable":
            return LeaseError(.unavailable, message)
        default:
            return LeaseError(self.status >= 500 ? .unavailable : .invalidRequest, message)
        }
    }

    /// The server at the other end is not one of ours, so that asking again is of no use.
    func nonsense(_ reason: String) -> LeaseError {
        LeaseError(.invalidRequest, "\(self.place) does not answer as a Colony daemon does: \(reason)")
    }
}
