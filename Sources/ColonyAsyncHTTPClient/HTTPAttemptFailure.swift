public import AsyncHTTPClient
public import ColonyResilience
import Foundation
import NIOHTTP1
import NIOPosix

/// What was wrong with one attempt of a request, as the layers around it see it.
///
/// ``ResilientHTTPClient`` throws it inside its pipeline, so that breakers count it and retries judge it. If it is the last word, the caller gets
/// the answer of the other side, or the error of the connection, as if there were no layers.
public struct HTTPAttemptFailure: RetryJudging, CustomStringConvertible {
    /// What came in the place of a good answer.
    public enum Reason: Sendable {
        /// An answer with a status that counts as failure.
        case status(HTTPClientResponse)
        /// No answer.
        case transport(any Error)
    }

    /// What came in the place of a good answer.
    public let reason: Reason
    /// What the other side said in `Retry-After`, if it said so in seconds.
    public let retryAfter: Duration?
    /// Whether the request may be repeated.
    public let retryVerdict: RetryVerdict

    init(_ response: HTTPClientResponse, to request: HTTPClientRequest) {
        self.reason = .status(response)
        self.retryAfter = Self.advice(of: response.headers)
        // Who answers so has not begun; see RFC 9110, section 15.5.9, and RFC 6585, section 4. A 503 says no such thing: proxies send it
        // also for requests that have gone on their way. After a redirect the answer is that of another request.
        let isRefusal =
            [.requestTimeout, .tooManyRequests].contains(response.status) && response.history.count <= 1
        self.retryVerdict = isRefusal ? .notDone : Self.isIdempotent(request) ? .repeatable : .unknown
    }

    init(_ error: any Error, to request: HTTPClientRequest) {
        self.reason = .transport(error)
        self.retryAfter = nil
        self.retryVerdict =
            Self.isIdempotent(request) ? .repeatable : Self.hasNotLeft(error, request.url) ? .notDone : .unknown
    }

    private static func isIdempotent(_ request: HTTPClientRequest) -> Bool {
        switch request.method {
        case .GET, .HEAD, .PUT, .DELETE, .OPTIONS, .TRACE: true
        default: request.headers.contains(name: "Idempotency-Key")
        }
    }

    /// Whether a request that ended with an error was never sent.
    ///
    /// The client follows redirects, so a connection that was refused may be that of a second request, after a first one that was carried
    /// out. Only an error that names the host of the request says that it was the first.
    private static func hasNotLeft(_ error: any Error, _ url: String) -> Bool {
        guard let error = error as? NIOConnectionError, let target = URLComponents(string: url) else { return false }
        return error.host == target.host && error.port == target.port ?? (target.scheme == "https" ? 443 : 80)
    }

    /// Reads seconds. The other form of the header, a date, would mean to trust the clock of the other side, and is taken as no advice.
    private static func advice(of headers: HTTPHeaders) -> Duration? {
        guard let text = headers.first(name: "Retry-After"), let seconds = Int64(text), (0...86_400).contains(seconds)
        else { return nil }
        return .seconds(seconds)
    }

    public var description: String {
        switch self.reason {
        case .status(let response): "the answer was \(response.status.code)"
        case .transport(let error): "there was no answer: \(error)"
        }
    }
}
