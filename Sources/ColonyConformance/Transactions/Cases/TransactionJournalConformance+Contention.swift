import ColonyCore
import ColonyTransactions
import Synchronization

extension TransactionJournalConformance {
    static let contentionCases: [TransactionJournalCase] = [
        TransactionJournalCase("of many who begin one transaction at once, one does", .contention) { context in
            let tokens = [try await context.enlist(1), try await context.enlist(2, on: context.other)]
            for round in 0..<context.amount(20, atLeast: 4) {
                let new = try context.saga(try context.id("t\(round)"))
                let begun = try await Self.crowd(8, context) { index, client in
                    try await client.begin(new, by: tokens[index % 2]) == .begun
                }
                try expect(begun.count { $0 } == 1, "\(begun.count { $0 }) of 8 have begun \(new.id)")
                let record = try await context.record(of: new.id)
                let winner = begun.firstIndex(of: true).map { tokens[$0 % 2] }
                try expect(record.summary.coordinator == winner, "it belongs to another than who began it")
                try expect(record.entries == new.entries, "it has the entries \(record.entries)")
            }
        },
        TransactionJournalCase("eight who claim at once never get the same one, and together get all", .contention) {
            context in
            let owner = try await context.enlist(0)
            let count = context.amount(400, atLeast: 60)
            var ids: Set<TransactionID> = []
            for index in 0..<count { ids.insert(try await context.begin("t\(index)", by: owner)) }
            var claimers: [FencingToken] = []
            for index in 1...8 {
                claimers.append(
                    try await context.enlist(index, on: index.isMultiple(of: 2) ? context.journal : context.other))
            }
            let tokens = claimers
            let key = try context.definition()
            _ = try await context.journal.renew(owner, for: .zero)
            let claims = try await Self.crowd(8, context) { index, client -> [TransactionRecord] in
                var mine: [TransactionRecord] = []
                var empty = 0
                // A claim may find what others are about to get, so it asks once more before it believes in the end.
                while empty < 3, mine.count <= count {
                    let claimed = try await client.claim(upTo: 5, of: [key], by: tokens[index]).claimed
                    empty = claimed.isEmpty ? empty + 1 : 0
                    mine += claimed
                }
                return mine
            }
            let all = claims.flatMap { $0.map(\.summary.id) }
            try expect(Set(all).count == all.count, "\(all.count - Set(all).count) were claimed twice")
            // What a claim passed over because another was at work on it is there for the next.
            let rest = try await context.claim(upTo: 1_000, by: tokens[0])
            try expect(Set(all + rest.map(\.summary.id)) == ids, "\(all.count + rest.count) of \(count) were claimed")
            for (index, records) in claims.enumerated() {
                for record in records {
                    let present = try await context.record(of: record.summary.id)
                    try expect(present == record, "\(tokens[index]) claimed \(record), which reads as \(present)")
                }
            }
        },
        TransactionJournalCase("of many persons who decide at once, one does", .contention) { context in
            let owner = try await context.enlist()
            for round in 0..<context.amount(20, atLeast: 4) {
                let id = try await context.begin("t\(round)", by: owner)
                try await context.stick(id, by: owner)
                let decided = try await Self.crowd(8, context) { index, client in
                    try await client.intervene(
                        context.entries(.intervened(.retry, by: "person-\(index)", note: "")), in: id,
                        state: .running, after: 2)
                }
                try expect(decided.count { $0 } == 1, "\(decided.count { $0 }) of 8 have decided")
                let entries = try await context.record(of: id).entries
                let winner = decided.firstIndex(of: true) ?? -1
                try expect(
                    entries.count == 3
                        && entries.last?.event == .intervened(.retry, by: "person-\(winner)", note: ""),
                    "person \(winner) has decided, and it reads as \(entries)")
            }
        },
        TransactionJournalCase("many transactions at once lose no decision", .contention) { context in
            let rounds = context.amount(50, atLeast: 8)
            let counts = try await Self.crowd(16, context) { index, client -> Int in
                let token = try await context.enlist(index, on: client)
                let id = try await context.begin("t\(index)", by: token, on: client)
                for round in 0..<rounds {
                    try await context.append(
                        .failed(step: 0, direction: .action, attempt: round, reason: "\(index)"), to: id, by: token,
                        on: client)
                }
                let entries = try await context.record(of: id).entries
                let attempts = entries.dropFirst().map { entry -> Int in
                    if case .failed(0, .action, let attempt, "\(index)") = entry.event { attempt } else { -1 }
                }
                try expect(attempts == Array(0..<rounds), "transaction \(index) reads as \(attempts)")
                return attempts.count
            }
            try expect(counts.allSatisfy { $0 == rounds }, "\(counts)")
        },
        TransactionJournalCase("no decision of a former owner comes after those of the next", .contention) { context in
            for round in 0..<context.amount(20, atLeast: 4) {
                let owner = try await context.enlist(1)
                let id = try await context.begin("t\(round)", by: owner)
                let journal = context.journal
                let added = Mutex(0)
                let writing = context.start {
                    // As long as it may; a claim ends it.
                    for attempt in 1...100_000 {
                        try Task.checkCancellation()
                        let entry = JournalEntry(
                            at: TransactionJournalCaseContext.start,
                            .failed(step: 0, direction: .action, attempt: attempt, reason: "former"))
                        let isDone = try await journal.append(
                            [entry], to: id, state: .running, durability: .written, by: owner)
                        if !isDone { return }
                        added.withLock { $0 = attempt }
                    }
                }
                let successor = try await context.enlist(2, on: context.other)
                _ = try await context.other.renew(owner, for: .zero)
                // What somebody is writing to at that moment may be passed over, but not again and again.
                var found: TransactionRecord?
                for _ in 0..<10_000 where found == nil {
                    found = try await context.claim(by: successor, on: context.other).first
                }
                let claimed = try require(found, "\(id) was not claimed")
                try await context.append(
                    .completed(step: 0, output: [1]), .started(step: 1), to: id, by: successor, on: context.other)
                try await context.promptOutcome(of: writing, "the work of the former owner").get()
                let entries = try await context.record(of: id).entries
                try expect(
                    entries.dropLast(2) == claimed.entries[...],
                    "\(claimed.entries.count) entries were claimed, and the next owner added 2; now it is \(entries)")
                try expect(
                    entries.count == 3 + added.withLock { $0 },
                    "the former owner has added \(added.withLock { $0 }), and there are \(entries.count) in all")
            }
        },
    ]

    /// Does something so many times at once, through both clients.
    private static func crowd<Value: Sendable>(
        _ count: Int, _ context: TransactionJournalCaseContext,
        _ body: @escaping @Sendable (_ index: Int, _ client: any TransactionAdministration) async throws -> Value
    ) async throws -> [Value] {
        try await withThrowingTaskGroup(of: (Int, Value).self) { group in
            for index in 0..<count {
                let client = index.isMultiple(of: 2) ? context.journal : context.other
                group.addTask { (index, try await body(index, client)) }
            }
            var values: [Int: Value] = [:]
            for try await (index, value) in group { values[index] = value }
            return (0..<count).compactMap { values[$0] }
        }
    }
}
