import ColonyCore

/// Waiting for what a test cannot be told of.
package enum Polling {
    /// What was expected and did not come about.
    package struct Disappointment: Error, CustomStringConvertible {
        /// A sentence for people.
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// Looks again until a condition holds, for half a minute at most.
    ///
    /// - Throws: ``Disappointment`` with the expectation, or what `condition` throws.
    package static func eventually(_ expectation: String, _ condition: () async throws -> Bool) async throws {
        let clock = HostClock()
        let deadline = clock.now.advanced(by: .seconds(30))
        while clock.now < deadline {
            if try await condition() { return }
            try await clock.sleep(for: .milliseconds(2))
        }
        throw Disappointment(description: "not within 30 seconds: \(expectation)")
    }
}
