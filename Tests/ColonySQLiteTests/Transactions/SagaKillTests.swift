import ColonyCore
import ColonySQLite
import ColonySimulation
import ColonyTransactions
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite("Sagas whose processes are killed", .serialized, .timeLimit(.minutes(5)))
struct SagaKillTests {
    private static let count = 600

    @Test func `come to their end in whatever process is left, done as a whole or not at all`() async throws {
        let folder = try TemporaryFolder()
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var random = SeededGenerator(seed: Seed(rawValue: seed))
        func start() throws -> Probe { try Probe("sagas", folder.store, "\(Self.count)") }
        var lines: [String] = []
        var probes = [try start(), try start()]
        let clock = HostClock()
        var kills = 0
        let begun = clock.now
        while kills < 8, begun.duration(to: clock.now) < .seconds(60) {
            try await clock.sleep(for: .milliseconds(Int64.random(in: 100...500, using: &random)))
            let index = Int.random(in: 0..<probes.count, using: &random)
            if Int.random(in: 0..<3, using: &random) == 0 {
                // Longer than its lease: it must notice that it may not go on.
                probes[index].send(SIGSTOP)
                try await clock.sleep(for: .milliseconds(700))
                probes[index].send(SIGCONT)
            } else {
                try await probes[index].killNow()
                lines += probes[index].lines
                probes[index] = try start()
                kills += 1
            }
        }
        for probe in probes {
            try await eventually("it ends by itself", within: .seconds(90)) { !probe.isRunning }
            lines += probe.lines
        }
        #expect(kills == 8, "seed \(seed)")
        try await self.check(lines, folder, seed)
    }

    private func check(_ lines: [String], _ folder: TemporaryFolder, _ seed: UInt64) async throws {
        var calls: [String: [String]] = [:]
        for line in lines {
            let words = line.split(separator: " ").map(String.init)
            try #require(words.count == 2)
            calls[words[0], default: []].append(words[1])
        }
        let journal = SQLiteTransactionJournal(path: folder.store)
        for number in 0..<Self.count {
            let id = try TransactionID("s-\(number)")
            let record = try #require(try await journal.read(id), "seed \(seed), \(id)")
            let called = Set(calls[id.rawValue] ?? [])
            if number % 3 == 0 {
                #expect(record.summary.state == .compensated, "seed \(seed), \(id)")
                #expect(called == ["stock", "payment", "-payment", "-stock"], "seed \(seed), \(id)")
            } else {
                #expect(record.summary.state == .completed, "seed \(seed), \(id)")
                #expect(called == ["stock", "payment", "parcel", "mail"], "seed \(seed), \(id)")
            }
        }
        let counts = try await journal.counts()
        #expect(counts == [.completed: 400, .compensated: 200])
        await journal.close()
    }
}
