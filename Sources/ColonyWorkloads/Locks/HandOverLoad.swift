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
        try await self.run(among: Array(repeating: lock, count: tasks), clock: clock) { $0 >= handOvers }
    }

    /// The same with a lock for each task, all of one name.
    ///
    /// - Parameter isEnough: Whether so many hand-overs are; asked at each of them, by whoever holds the lock.
    @concurrent
    static func run(
        among locks: [DistributedLock], clock: any MonotonicClock, until isEnough: @escaping @Sendable (Int) -> Bool
    ) async throws -> [Duration] {
        struct Book {
            var releasedAt: MonotonicInstant?
            var samples: [Duration] = []
        }
        let book = SharedBook(Book())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lock in locks {
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
                            return isEnough(book.samples.count)
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
