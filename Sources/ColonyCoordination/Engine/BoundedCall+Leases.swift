import ColonyCore

extension BoundedCall {
    /// Runs a request to a lease engine, and gives it up as `unavailable` when `limit` has passed.
    static func run<Answer: Sendable>(
        upTo limit: Duration, on clock: any MonotonicClock, isShielded: Bool = false,
        _ request: @escaping @Sendable () async throws(LeaseError) -> Answer
    ) async throws(LeaseError) -> Answer {
        try await Self.run(
            upTo: limit, on: clock, isShielded: isShielded,
            timeOut: LeaseError(.unavailable, "the engine did not answer within \(limit.text)"), request)
    }
}
