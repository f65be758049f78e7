import Testing

/// What did not happen in time.
struct NeverHappened: Error, CustomStringConvertible {
    let description: String
}

/// Looks again until `condition` holds, for at most half a minute.
func eventually(
    _ what: @autoclosure () -> String, _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: .seconds(30))
    while try await !condition() {
        guard clock.now < deadline else { throw NeverHappened(description: "there was never \(what())") }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// Whether `condition` holds at one of so many looks, for what may well not happen.
func holds(withinLooks count: Int, _ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<count {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(2))
    }
    return false
}
