#if Postgres
import ColonyCore
import Foundation

/// Looks again until a condition holds, for 45 seconds at most unless the test says otherwise.
func eventually(
    _ expectation: String, within limit: Duration = .seconds(45), _ condition: () async throws -> Bool
) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: limit)
    while clock.now < deadline {
        if try await condition() { return }
        try await clock.sleep(for: .milliseconds(5))
    }
    throw Disappointment(description: "not within \(limit.text): \(expectation)")
}

/// Removes the folder of a server that was killed. Its children end when they notice, and may write until then.
func remove(_ folder: URL) {
    for _ in 0..<200 {
        try? FileManager.default.removeItem(at: folder)
        if !FileManager.default.fileExists(atPath: folder.path) { return }
        usleep(20_000)
    }
}

struct Disappointment: Error, CustomStringConvertible {
    let description: String
}

/// The error of leases with which a call fails; `nil` if it does not.
func leaseError(of call: () async throws -> some Any) async throws -> LeaseError? {
    do {
        _ = try await call()
        return nil
    } catch let error as LeaseError {
        return error
    }
}
#endif
