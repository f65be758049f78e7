import ColonyCore
import ColonyIdentifiers
import ColonySQLite
import Testing

@Suite("Ranges of numbers among real processes", .timeLimit(.minutes(8)), .serialized)
struct SegmentProcessTests {
    private func ranges(_ lines: [String]) -> [Range<Int64>] {
        lines.compactMap { line in
            let numbers = line.split(separator: " ").compactMap { Int64($0) }
            return numbers.count == 2 && numbers[0] < numbers[1] ? numbers[0]..<numbers[1] : nil
        }
    }

    @Test func `segmentNeverReissued: a kill at any point of a range fetch loses ranges and repeats none`() async throws {
        let folder = try TemporaryFolder()
        var all: [Range<Int64>] = []
        var lost: Int64 = 0
        var requests: Int64 = 0
        for round in 0..<6 {
            let victims = try (0..<2).map { _ in try Probe("segments", folder.store, "orders", "1") }
            let other = try Probe("segments", folder.store, "orders", "1")
            // A different moment of the fetches in each round; the probes never rest between two of them.
            try await eventually("all have taken ranges", within: .seconds(30)) {
                (victims + [other]).allSatisfy { $0.lines.count >= 5 + round * 7 }
            }
            for victim in victims { try await victim.killNow() }
            let count = other.lines.count
            try await eventually("the other goes on", within: .seconds(30)) { other.lines.count >= count + 5 }
            try await other.killNow()
            let given = self.ranges((victims + [other]).flatMap(\.lines))
            all += given
            let engine = SQLiteSegmentEngine.sqlite(path: folder.store)
            let record = try #require(try await engine.inspect("orders"))
            await engine.close()
            // A probe has one request on its way, so a kill loses one range of it at the most.
            let unseen = record.segments - requests - Int64(given.count)
            #expect((0...3).contains(unseen), "three kills lost \(unseen) ranges")
            lost += unseen
            requests = record.segments
            #expect(record.next > (all.map(\.upperBound).max() ?? 0) - 1)
        }
        all.sort { $0.lowerBound < $1.lowerBound }
        for (earlier, later) in zip(all, all.dropFirst()) {
            #expect(earlier.upperBound <= later.lowerBound, "\(earlier) and \(later) were both given")
        }
        print("18 kills lost \(lost) of \(requests) ranges")
    }

    @Test func `numbers of generators in several processes, some of them killed, never repeat`() async throws {
        let folder = try TemporaryFolder()
        var all: [Range<Int64>] = []
        for _ in 0..<3 {
            let probes = try (0..<3).map { _ in try Probe("numbers", folder.store, "orders") }
            try await eventually("all have given numbers", within: .seconds(30)) {
                probes.allSatisfy { $0.lines.count >= 20 }
            }
            for probe in probes { try await probe.killNow() }
            all += self.ranges(probes.flatMap(\.lines))
        }
        all.sort { $0.lowerBound < $1.lowerBound }
        #expect(all.count >= 180)
        for (earlier, later) in zip(all, all.dropFirst()) {
            #expect(earlier.upperBound <= later.lowerBound, "\(earlier) and \(later) were both given")
        }
    }

    @Test func `a store that is locked by another process does not stall callers while a buffer remains`() async throws {
        let folder = try TemporaryFolder()
        let engine = SQLiteSegmentEngine.sqlite(path: folder.store)
        let generator = SegmentIDGenerator(
            "orders", on: engine,
            configuration: SegmentIDConfiguration(initialStep: 10_000, minimumStep: 10_000, maximumStep: 10_000))
        #expect(try await generator.next() == 1)
        // Another process that holds the lock of writers and does not let go until it is told.
        let stopper = SQLiteSegmentEngine(path: folder.store, boot: .current, registry: StoreRegistry())
        let lock = try stopper.storeForTesting
        let entered = OneShotSignal()
        let leave = ThreadCondition(false)
        let holding = Task {
            try await lock.write { transaction throws(StoreError) in
                try transaction.connection.run(Self.touch)
                entered.fire()
                leave.waitLoop { $0 ? .done(()) : .wait(atMost: nil) }
            }
        }
        try await entered.wait()
        for number in 2...10_000 { #expect(try generator.tryNext() == Int64(number)) }
        #expect(generator.statistics.waits == 1)
        #expect(try generator.tryNext() == nil)
        leave.withLock { $0 = true }
        leave.signal()
        try await holding.value
        #expect(try await generator.next() == 10_001)
        await generator.close()
        await stopper.close()
        await engine.close()
    }

    private static let touch = SQL("UPDATE colony SET number = number WHERE id = 1")
}
