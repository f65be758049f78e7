#if Etcd
import ColonyCore

/// Looks again until a condition holds, for 45 seconds at most.
func eventually(_ expectation: String, _ condition: () async throws -> Bool) async throws {
    let clock = HostClock()
    let deadline = clock.now.advanced(by: .seconds(45))
    while clock.now < deadline {
        if try await condition() { return }
        try await clock.sleep(for: .milliseconds(5))
    }
    throw Disappointment(description: "not within 45 seconds: \(expectation)")
}

struct Disappointment: Error, CustomStringConvertible {
    let description: String
}

/// The error with which a call fails; `nil` if it does not.
func failure(of call: () async throws -> some Any) async throws -> LeaseError? {
    do {
        _ = try await call()
        return nil
    } catch let error as LeaseError {
        return error
    }
}
#endif
