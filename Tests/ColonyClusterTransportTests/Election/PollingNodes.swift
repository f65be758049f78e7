import ColonyCore
import Testing

/// Looks again until a condition holds, for a while that is far beyond what a busy machine needs.
func poll(
    within limit: Duration = .seconds(30), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: limit)
    while try !condition() {
        guard clock.now < deadline else {
            Issue.record("it did not come about within \(limit)", sourceLocation: sourceLocation)
            return
        }
        try await clock.sleep(for: .milliseconds(1))
    }
}
