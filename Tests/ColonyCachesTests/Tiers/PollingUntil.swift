import ColonyCore
import Testing

/// Looks again until a condition holds, for a while that is far beyond what a busy machine needs.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: limit)
    while try await !condition() {
        guard clock.now < deadline else {
            Issue.record("did not happen: \(what)", sourceLocation: sourceLocation)
            return
        }
        try await clock.sleep(for: .milliseconds(1))
    }
}
