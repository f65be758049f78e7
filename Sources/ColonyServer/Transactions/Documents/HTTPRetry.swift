import ColonyCore
import ColonyResilience
import ColonyTransactions

/// How often and after which waits a participant is called again.
struct HTTPRetry: Hashable, Sendable, Codable {
    var initial: Int64?
    var maximum: Int64?
    var attempts: Int?

    enum CodingKeys: String, CodingKey {
        case initial = "initial_ms"
        case maximum = "maximum_ms"
        case attempts
    }

    /// Read from a request, in which each number is checked against its own bounds.
    static func read(_ reader: inout JSONReader) throws(JSONDefect) -> HTTPRetry {
        var retry = HTTPRetry()
        try reader.readObject(["initial_ms", "maximum_ms", "attempts"]) { reader, index throws(JSONDefect) in
            switch index {
            case 0: retry.initial = try reader.readDuration(in: Self.waits).clampedMilliseconds
            case 1: retry.maximum = try reader.readDuration(in: Self.waits).clampedMilliseconds
            default:
                let attempts = try reader.readSigned()
                guard (1...1_000_000).contains(attempts) else {
                    throw .outOfRange(
                        path: reader.currentPath, reason: "\(attempts) is not from 1 to 1000000 attempts")
                }
                retry.attempts = Int(attempts)
            }
        }
        return retry
    }

    static let waits: ClosedRange<Duration> = .milliseconds(1)...RetryDelays.longest

    /// The same for a coordinator.
    ///
    /// - Throws: An error that says why the numbers do not go together.
    static func policy(timeout: Int64?, _ retry: HTTPRetry?) throws -> StepPolicy {
        let standard = StepPolicy.standard
        let given = retry?.initial.map { Duration.milliseconds($0) }
        // Whoever gives one of the two has not said that the other one is to stand in its way.
        let maximum =
            retry?.maximum.map { .milliseconds($0) } ?? max(standard.delays.maximum, given ?? .zero)
        return try StepPolicy(
            timeout: timeout.map { .milliseconds($0) } ?? standard.timeout,
            delays: RetryDelays(from: given ?? min(standard.delays.initial, maximum), upTo: maximum),
            attempts: retry?.attempts)
    }
}
