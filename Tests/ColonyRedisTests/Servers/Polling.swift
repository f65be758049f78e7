import ColonyCore

/// Looks again until a condition holds, for half a minute at most.
func eventually(_ expectation: String, _ condition: () async throws -> Bool) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: .seconds(30))
    while clock.now < deadline {
        if try await condition() { return }
        try await clock.sleep(for: .milliseconds(2))
    }
    throw Disappointment(description: "not within 30 seconds: \(expectation)")
}

struct Disappointment: Error, CustomStringConvertible {
    let description: String
}
