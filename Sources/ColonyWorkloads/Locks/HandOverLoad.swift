import ColonyCoordination
import ColonyCore
import Synchronization

/// Many tasks of one process that want one lock: how long from one holder's release to the next holder's grant.
enum HandOverLoad {
    /// - Returns: The time from just before each release to just after the grant that followed it.
    @concurrent
    static func run(
        handOvers: Int, tasks: Int, of lock: DistributedLock, clock: any MonotonicClock
    ) async throws -> [Duration] {
        struct Book {
            var releasedAt: MonotonicInstant?
            var samples: [Duration] = []
        }
        let book = SharedBook(Book())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<tasks {
                group.addTask {
                    var isDone = false
                    while !isDone {
                        guard let held = try await lock.acquire() else {
                            throw WorkloadError(
                                "the lock \(lock.name) was not free within \(lock.configuration.waiting)")
                        }
                        let now = clock.now
                        isDone = book.state.withLock { book in
                            if let releasedAt = book.releasedAt { book.samples.append(releasedAt.duration(to: now)) }
                            book.releasedAt = clock.now
                            return book.samples.count >= handOvers
                        }
                        try await held.release()
                    }
                }
            }
            try await group.waitForAll()
        }
        return book.state.withLock { $0.samples }
    }

    private final class SharedBook<State: Sendable>: Sendable {
        let state: Mutex<State>
        init(_ state: State) { self.state = Mutex(state) }
    }
}
