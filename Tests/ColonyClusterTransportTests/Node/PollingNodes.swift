import ColonyCore
import Testing

/// What did not happen in time.
struct NeverHappened: Error, CustomStringConvertible {
    let description: String
}

/// Looks again until `condition` holds, for at most half a minute.
func eventually(_ what: @autoclosure () -> String, _ condition: () async throws -> Bool) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: .seconds(30))
    while try await !condition() {
        guard clock.now < deadline else { throw NeverHappened(description: "there was never \(what())") }
        try await Task.sleep(for: .milliseconds(5))
    }
}
