import Synchronization

/// An operation in a task of its own, which can be cancelled without cancelling its caller.
struct TimedWork<Value: Sendable>: Sendable {
    let task: Task<Value, any Error>
    let flag: TimedWorkFlag

    static func start(
        _ deadline: Deadline, _ operation: @escaping @Sendable () async throws -> Value
    ) -> TimedWork {
        let flag = TimedWorkFlag()
        let task: Task<Value, any Error>
        if #available(macOS 26, iOS 26, watchOS 26, tvOS 26, visionOS 26, *) {
            task = Task.immediate {
                defer { flag.end() }
                return try await Deadline.$current.withValue(deadline, operation: operation)
            }
        } else {
            task = Task {
                defer { flag.end() }
                return try await Deadline.$current.withValue(deadline, operation: operation)
            }
        }
        return TimedWork(task: task, flag: flag)
    }
}

/// Which came first, the end of the work or that of its time.
final class TimedWorkFlag: Sendable {
    private static let running: UInt8 = 0
    private static let ended: UInt8 = 1
    private static let expired: UInt8 = 2

    private let state = Atomic<UInt8>(running)

    var hasEnded: Bool { self.state.load(ordering: .acquiring) == Self.ended }
    var hasExpired: Bool { self.state.load(ordering: .acquiring) == Self.expired }

    func end() {
        _ = self.state.compareExchange(expected: Self.running, desired: Self.ended, ordering: .acquiringAndReleasing)
    }

    /// - Returns: Whether the work was still under way.
    func expire() -> Bool {
        self.state.compareExchange(
            expected: Self.running, desired: Self.expired, ordering: .acquiringAndReleasing
        ).exchanged
    }
}
