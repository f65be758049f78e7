import ColonyCore
import Testing

/// Waits until `condition` holds, for ten seconds at the most.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: .seconds(10))
    while clock.now < deadline {
        if try await condition() { return }
        await Task.yield()
    }
    Issue.record("\(what) did not come about within ten seconds")
}
