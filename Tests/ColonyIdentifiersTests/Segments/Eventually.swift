import ColonyCore
import Testing

/// Waits until `condition` holds, for 45 seconds at the most.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: .seconds(45))
    while clock.now < deadline {
        if try await condition() { return }
        await Task.yield()
    }
    Issue.record("\(what) did not come about within 45 seconds")
}
