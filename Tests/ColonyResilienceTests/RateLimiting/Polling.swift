import ColonyCore
import Testing

/// Looks again and again until something holds that happens on another thread.
enum Polling {
    static func until(
        _ limit: Duration = .seconds(45), sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
    ) async throws {
        let clock = HostClock()
        let end = clock.now.advanced(by: limit)
        while !condition() {
            try #require(clock.now < end, "it did not happen within \(limit)", sourceLocation: sourceLocation)
            try await clock.sleep(for: .milliseconds(1))
        }
    }
}
