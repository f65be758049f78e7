import ColonyResilience
import Testing

/// Lets only so many cases of a suite run at once: one by one they would mostly wait, and all together they would starve one another.
struct AtATime: SuiteTrait, TestTrait, TestScoping {
    private let bulkhead: Bulkhead

    init(_ count: Int) {
        guard let options = try? BulkheadOptions(limit: count, maximumWaiting: 10_000, maximumWait: .seconds(3_600))
        else { preconditionFailure("\(count) cases at a time are none") }
        self.bulkhead = Bulkhead(options)
    }

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await self.bulkhead.execute { try await function() }
    }
}

extension Trait where Self == AtATime {
    static func atATime(_ count: Int) -> Self { Self(count) }
}
