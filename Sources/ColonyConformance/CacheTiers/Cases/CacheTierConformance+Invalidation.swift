import ColonyCaches
import ColonyCore
import Synchronization

extension CacheTierConformance {
    static let invalidationCases: [CacheTierCase] = [
        CacheTierCase("a sequence of changes begins with a gap", .invalidation) { context in
            let listener = try context.listen(to: context.tier)
            try await listener.expectOpening()
            let second = try context.listen(to: context.tier)
            try await second.expectOpening()
        },
        CacheTierCase("every kind of change by another client is told", .invalidation) { context in
            let key = try context.key()
            let listener = try context.listen(to: context.tier)
            try await listener.expectOpening()
            try await listener.expectNews("a set", of: key) {
                try await context.other.set([CacheWrite(key, text: "1")])
            }
            try await listener.expectNews("a second set", of: key) {
                try await context.other.set([CacheWrite(key, text: "2")])
            }
            try await listener.expectNews("a removal", of: key) { try await context.other.delete([key]) }
            try await listener.expectNews("a comparison with nothing", of: key) {
                try await context.store("3", at: key, expecting: nil, on: context.other)
            }
            let version = try require(try await context.look(key), "what was stored is absent").version
            try await listener.expectNews("a comparison", of: key) {
                try await context.store("4", at: key, expecting: version, on: context.other)
            }
            let last = try require(try await context.look(key), "what was stored is absent").version
            try await listener.expectNews("a removal by comparison", of: key) {
                let removed = try await context.other.compareAndDelete(key, expecting: last)
                try expect(removed, "the present version was not removed")
            }
        },
        CacheTierCase("all keys of a call are told", .invalidation) { context in
            let keys = try (0..<10).map { try context.key("item-\($0)") }
            let listener = try context.listen(to: context.tier)
            try await listener.expectOpening()
            _ = try await context.tier.get(keys)
            let before = listener.position
            try await context.other.set(keys.map { CacheWrite($0, text: "v") })
            for key in keys {
                try await context.eventually("the change of \(key) is told") { listener.covers(key, since: before) }
            }
        },
        CacheTierCase("every one who listens is told", .invalidation) { context in
            let key = try context.key()
            let third = try await context.makeTier()
            let listeners = try [context.tier, context.tier, third].map { try context.listen(to: $0) }
            for listener in listeners { try await listener.expectOpening() }
            for client in [context.tier, third] { _ = try await client.get([key]) }
            let positions = listeners.map(\.position)
            try await context.other.set([CacheWrite(key, text: "v")])
            for (listener, position) in zip(listeners, positions) {
                try await context.eventually("each listener is told") { listener.covers(key, since: position) }
            }
        },
        CacheTierCase("what a look-up finds after the news is no older than the news", .invalidation) { context in
            let key = try context.key()
            let listener = try context.listen(to: context.tier)
            try await listener.expectOpening()
            for round in 0..<context.amount(50, atLeast: 5) {
                try await listener.expectNews("set number \(round)", of: key) {
                    try await context.other.set([CacheWrite(key, text: "\(round)")])
                }
                try await context.expectValue("\(round)", at: key, "after its change was told")
            }
        },
        CacheTierCase("one who comes late learns of every change, or of a gap", .invalidation) { context in
            let count = context.amount(20_000, atLeast: 3_000)
            let stream = try require(context.tier.invalidations(), "the tier tells nobody of changes")
            var reader = stream.makeAsyncIterator()
            try expect(await reader.next() == .gap, "the sequence does not begin with a gap")
            let keys = try (0..<64).map { try context.key("item-\($0)") }
            for start in stride(from: 0, to: 64, by: min(64, context.tier.limits.keysPerCall)) {
                _ = try await context.tier.get(Array(keys[start...].prefix(context.tier.limits.keysPerCall)))
            }
            for number in 0..<count { try await context.other.set([CacheWrite(keys[number % 64], text: "\(number)")]) }
            let late = CacheListener(context)
            late.begin(stream)
            for key in keys {
                try await context.eventually("the change of \(key), or a gap, is told") { late.covers(key, since: 0) }
            }
            try expect(late.position <= count + 2, "\(late.position) messages tell of \(count) changes")
        },
        CacheTierCase("a cancelled reader's sequence ends, and others go on", .invalidation) { context in
            let key = try context.key()
            let (cancelled, other) = (try context.listen(to: context.tier), try context.listen(to: context.tier))
            try await cancelled.expectOpening()
            try await other.expectOpening()
            cancelled.cancel()
            try await cancelled.expectEnd("its reader was cancelled")
            try await other.expectNews("a set", of: key) { try await context.other.set([CacheWrite(key, text: "v")]) }
        },
        CacheTierCase("sequences end when the client is closed", .invalidation) { context in
            let client = try await context.makeTier()
            let listener = try context.listen(to: client)
            try await listener.expectOpening()
            await client.close()
            try await listener.expectEnd("the client was closed")
            if let stream = client.invalidations() {
                let late = CacheListener(context)
                late.begin(stream)
                try await late.expectEnd("the client had been closed")
            }
        },
    ]
}

extension CacheTierCaseContext {
    /// Listens to the changes that a client is told of, until the case ends.
    func listen(to tier: any CacheTier) throws -> CacheListener {
        let listener = CacheListener(self)
        listener.begin(try require(tier.invalidations(), "the tier tells nobody of changes"))
        return listener
    }
}

/// One who listens to changes and keeps them.
final class CacheListener: Sendable {
    private let context: CacheTierCaseContext
    private let heard = Mutex<[CacheInvalidation]>([])
    private let task = Mutex<LeaseCaseTask<Void>?>(nil)

    init(_ context: CacheTierCaseContext) { self.context = context }

    deinit { self.cancel() }

    func begin(_ stream: CacheInvalidations) {
        // The task keeps what is heard, not the listener, so that a listener nobody needs any more ends it.
        let keep: @Sendable (CacheInvalidation) -> Bool = { [weak self] message in
            self?.heard.withLock { $0.append(message) } != nil
        }
        let task = self.context.start { for await message in stream where !keep(message) { return } }
        self.task.withLock { $0 = task }
    }

    func cancel() { self.task.withLock { $0 }?.cancel() }

    /// How much was heard so far.
    var position: Int { self.heard.withLock(\.count) }

    /// Whether what was heard from a position on makes a copy of a key stale.
    func covers(_ key: CacheKey, since position: Int) -> Bool {
        self.heard.withLock { heard in
            heard[position...].contains { message in
                switch message {
                case .keys(let keys): keys.contains(key)
                case .all, .gap: true
                }
            }
        }
    }

    func expectOpening() async throws {
        try await self.context.eventually("a sequence of changes begins") { self.position > 0 }
        let first = self.heard.withLock { $0[0] }
        try expect(first == .gap, "the sequence begins with \(first), and not with a gap")
    }

    /// Looks a key up, changes it, and fails unless the change is told.
    func expectNews(_ what: String, of key: CacheKey, _ change: () async throws -> Void) async throws {
        // Stores that remember who has read what tell only those, and only once for each look-up.
        _ = try await self.context.tier.get([key])
        let before = self.position
        try await change()
        try await self.context.eventually("\(what) of \(key) is told") { self.covers(key, since: before) }
    }

    func expectEnd(_ why: String) async throws {
        let task = try require(self.task.withLock { $0 }, "nobody listens")
        let outcome = await task.outcome(within: self.context.harness.patience)
        try require(outcome, "the sequence did not end when \(why)").get()
    }
}
