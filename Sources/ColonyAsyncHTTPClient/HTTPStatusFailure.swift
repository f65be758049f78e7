public import AsyncHTTPClient
public import ColonyResilience
import NIOHTTP1

/// An answer that counts as a failure of the other side, as layers see it.
///
/// ``ResilientHTTPClient`` throws it inside its pipeline, so that breakers count it and retries repeat it, and hands the answer itself to the
/// caller if it is the last word.
public struct HTTPStatusFailure: RetryAdvising, CustomStringConvertible {
    /// The answer. Its body has not been read.
    public let response: HTTPClientResponse
    /// What the other side said in `Retry-After`, if it said so in seconds.
    public let retryAfter: Duration?

    /// Makes a failure of an answer.
    public init(_ response: HTTPClientResponse) {
        self.response = response
        self.retryAfter = Self.advice(of: response.headers)
    }

    /// Reads seconds. The other form of the header, a date, would mean to trust the clock of the other side, and is taken as no advice.
    private static func advice(of headers: HTTPHeaders) -> Duration? {
        guard let text = headers.first(name: "Retry-After"), let seconds = Int64(text), (0...86_400).contains(seconds)
        else { return nil }
        return .seconds(seconds)
    }

    public var description: String { "the answer was \(self.response.status.code)" }
}
