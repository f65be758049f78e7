import ColonyCaches
import ColonyCore
import Synchronization

/// What a store is to be good for in the end: processes that keep copies of one database in it.
extension CacheTierConformance {
    static let cacheAsideCases: [CacheTierCase] = [
        CacheTierCase("cache-aside: a value that was loaded before another process wrote is not stored", .comparison) {
            context in
            let key = try context.key()
            let (reader, writer) = (try context.cacheAside(context.tier), try context.cacheAside(context.other))
            let read = try await reader.get(key) { _ in
                // The row is read, and then another process writes it, before the reader can store what it has read.
                try await writer.write(key) {}
                return [1]
            }
            try expect(read == [1], "the reader was given \(read ?? []) and not what it had read")
            try await context.expectValue(nil, at: key, "after a load that a write has overtaken")
            let fresh = try await writer.get(key) { _ in [2] }
            try expect(fresh == [2], "after the write, \(fresh ?? []) was read")
            let hit = try await reader.get(key) { _ in throw ConformanceFailure("what was stored is loaded again") }
            try expect(hit == [2], "\(hit ?? []) was stored")
        },
        CacheTierCase("cache-aside: readers and writers at the same time leave nothing old behind", .contention) {
            context in
            let key = try context.key()
            let row = Row()
            let processes = [try context.cacheAside(context.tier), try context.cacheAside(context.other)]
            let rounds = context.amount(200, atLeast: 20)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for process in processes {
                    group.addTask {
                        for _ in 0..<rounds {
                            let written = row.written
                            let read = try await process.get(key) { _ in [row.value] } ?? []
                            try expect(
                                read.count == 1 && read[0] >= written, "\(read) was read after \(written) was written")
                        }
                    }
                    group.addTask {
                        for _ in 0..<rounds / 10 { row.note(try await process.write(key) { row.raise() }) }
                    }
                }
                try await group.waitForAll()
            }
            let last = try await processes[0].get(key) { _ in [row.value] }
            try expect(last == [row.value], "\(last ?? []) is served, and the row is \(row.value)")
        },
    ]

    /// A row of a database that counts up.
    private final class Row: Sendable {
        private let count = Atomic<UInt8>(0)
        private let ended = Atomic<UInt8>(0)

        var value: UInt8 { self.count.load(ordering: .sequentiallyConsistent) }
        /// The highest value whose write has come back.
        var written: UInt8 { self.ended.load(ordering: .sequentiallyConsistent) }
        func raise() -> UInt8 { self.count.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }
        func note(_ value: UInt8) { self.ended.max(value, ordering: .sequentiallyConsistent) }
    }
}

extension CacheTierCaseContext {
    /// A process that keeps copies in a store.
    fileprivate func cacheAside(_ tier: any CacheTier) throws -> SharedCacheAside {
        var options = SharedCacheAsideOptions()
        options.clock = self.harness.clock
        return try SharedCacheAside(over: tier, options: options)
    }
}
