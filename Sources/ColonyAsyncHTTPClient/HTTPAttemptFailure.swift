public import AsyncHTTPClient
public import ColonyResilience
import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

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

    init(_ response: HTTPClientResponse, isIdempotent: Bool) {
        self.reason = .status(response)
        self.retryAfter = Self.advice(of: response.headers)
        // Who answers so has not begun; see RFC 9110, sections 15.5.9 and 15.6.4, and RFC 6585, section 4.
        let isRefusal = [.requestTimeout, .tooManyRequests, .serviceUnavailable].contains(response.status)
        self.retryVerdict = isRefusal ? .notDone : isIdempotent ? .repeatable : .unknown
    }

    init(_ error: any Error, isIdempotent: Bool) {
        self.reason = .transport(error)
        self.retryAfter = nil
        self.retryVerdict = Self.hasNotLeft(error) ? .notDone : isIdempotent ? .repeatable : .unknown
    }

    /// Whether a request that ended with an error was never sent.
    private static func hasNotLeft(_ error: any Error) -> Bool {
        if error is NIOConnectionError { return true }
        if let error = error as? IOError {
            return [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode)
        }
        let early: [HTTPClientError] = [.connectTimeout, .getConnectionFromPoolTimeout, .tlsHandshakeTimeout]
        return (error as? HTTPClientError).map { early.contains($0) } ?? false
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
