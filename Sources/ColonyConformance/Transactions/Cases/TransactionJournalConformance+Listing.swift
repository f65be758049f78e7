import ColonyCore
import ColonyTransactions

extension TransactionJournalCaseContext {
    /// What the journal lists of the transactions of this case, page for page.
    func summaries(
        _ states: Set<TransactionState> = Set(TransactionState.allCases), limit: Int = TransactionLimits.batch
    ) async throws -> [TransactionSummary] {
        var found: [TransactionSummary] = []
        var last: TransactionSummary?
        // Others may add to the store meanwhile, but not without end.
        for _ in 0..<100_000 {
            let page = try await self.other.list(states, limit: limit, after: last)
            try expect(page.count <= limit, "a page of \(limit) has \(page.count) lines")
            for summary in page where !states.contains(summary.state) {
                throw ConformanceFailure("\(summary) was listed, and \(states) were asked for")
            }
            found += page.filter { $0.id.rawValue.hasPrefix(self.prefix) }
            if page.count < limit { return found }
            last = page.last
        }
        throw ConformanceFailure("the list has no end")
    }
}

extension TransactionJournalConformance {
    /// Two of each state, in turn.
    private static func fill(_ context: TransactionJournalCaseContext) async throws -> [TransactionState:
        [TransactionID]]
    {
        let owner = try await context.enlist()
        var ids: [TransactionState: [TransactionID]] = [:]
        for round in 0..<2 {
            for state in [TransactionState.completed, .running, .stuck, .compensating, .compensated] {
                let id = try await context.begin("\(state.rawValue)-\(round)", by: owner)
                switch state {
                case .running: break
                case .compensating:
                    try await context.append(.turnedBack(.decided, reason: ""), to: id, state: state, by: owner)
                case .stuck: try await context.stick(id, by: owner)
                case .completed, .compensated:
                    try await context.append(.finished(state), to: id, state: state, by: owner)
                }
                ids[state, default: []].append(id)
            }
        }
        return ids
    }

    static let listingCases: [TransactionJournalCase] = [
        TransactionJournalCase("what is stuck is listed first, then what is open, then what has ended lately", .listing)
        {
            context in
            let ids = try await Self.fill(context)
            let all = try await context.summaries()
            try expect(
                all.map(\.state) == [
                    .stuck, .stuck, .running, .compensating, .running, .compensating, .compensated, .completed,
                    .compensated, .completed,
                ], "they are listed as \(all.map(\.state))")
            let stuck = all.filter { $0.state == .stuck }.map(\.id)
            try expect(stuck == ids[.stuck], "what is stuck is listed as \(stuck)")
            let completed = all.filter { $0.state == .completed }.map(\.id)
            try expect(completed == ids[.completed].map { $0.reversed() }, "what has ended is listed as \(completed)")
            for summary in all {
                let record = try await context.record(of: summary.id)
                try expect(summary == record.summary, "\(summary) is listed, and \(record.summary) is read")
            }
        },
        TransactionJournalCase("only the states asked for are listed", .listing) { context in
            let ids = try await Self.fill(context)
            for states in [
                [.stuck], [.running], [.compensating], [.completed], [.compensated], [.running, .completed],
                [.stuck, .compensating, .compensated],
            ] as [Set<TransactionState>] {
                let found = Set(try await context.summaries(states).map(\.id))
                let expected = Set(states.flatMap { ids[$0] ?? [] })
                try expect(found == expected, "of \(states) \(found) were listed, and there are \(expected)")
            }
            try expect(try await context.summaries([]).isEmpty, "of no state something was listed")
        },
        TransactionJournalCase("pages of any size make up the whole list", .listing) { context in
            _ = try await Self.fill(context)
            let whole = try await context.summaries()
            for limit in [1, 3, 7] {
                // A store that is in use has more pages than can be read one by one.
                if limit < 7, !context.harness.isAlone { continue }
                let pages = try await context.summaries(limit: limit)
                try expect(pages == whole, "by \(limit) they are listed as \(pages.map(\.id))")
            }
        },
        TransactionJournalCase("the transactions of each state are counted", .listing) { context in
            let ids = try await Self.fill(context)
            let counts = try await context.other.counts()
            for (state, ids) in ids {
                let count = counts[state] ?? 0
                try expect(
                    context.harness.isAlone ? count == ids.count : count >= ids.count,
                    "\(count) are \(state), and the case has begun \(ids.count)")
            }
        },
    ]

    static let waitingCases: [TransactionJournalCase] = [
        TransactionJournalCase("a wait ends soon after a decision through another client", .waiting) { context in
            let owner = try await context.enlist(on: context.other)
            let id = try await context.begin(by: owner, on: context.other)
            for round in 1...3 {
                let journal = context.journal
                let waiting = context.start { () -> Int in
                    while true {
                        // It may end early, without reason.
                        let count = try await journal.read(id)?.entries.count ?? 0
                        if count > round { return count }
                        try Task.checkCancellation()
                        try await journal.waitForChange(of: id, since: count, upTo: .seconds(600))
                    }
                }
                // So that it has a chance to wait already; without, the case proves less and does not fail.
                try await HostClock().sleep(for: .milliseconds(20))
                try await context.append(
                    .failed(step: 0, direction: .action, attempt: round, reason: ""), to: id, by: owner,
                    on: context.other)
                let count = try await context.promptOutcome(of: waiting, "a wait for entry \(round + 1)").get()
                try expect(count == round + 1, "there are \(count) entries instead of \(round + 1)")
            }
        },
        TransactionJournalCase("a wait ends soon after the decision of a person", .waiting) { context in
            let owner = try await context.enlist()
            let id = try await context.begin(by: owner)
            try await context.stick(id, by: owner)
            let journal = context.journal
            let waiting = context.start {
                while try await journal.read(id)?.entries.count == 2 {
                    try Task.checkCancellation()
                    try await journal.waitForChange(of: id, since: 2, upTo: .seconds(600))
                }
            }
            try await HostClock().sleep(for: .milliseconds(20))
            let isDone = try await context.other.intervene(
                context.entries(.intervened(.retry, by: "ann", note: "")), in: id, state: .running, after: 2)
            try expect(isDone, "the decision was refused")
            try await context.promptOutcome(of: waiting, "a wait for a decision").get()
        },
        TransactionJournalCase("a wait for what has changed already, or is not there, ends at once", .waiting) {
            context in
            let owner = try await context.enlist()
            let id = try await context.begin(by: owner)
            try await context.append(.completed(step: 0, output: []), to: id, by: owner)
            for (id, count) in [(id, 1), (id, 0), (try context.id("nothing"), 0)] {
                let journal = context.other
                let waiting = context.start {
                    try await journal.waitForChange(of: id, since: count, upTo: .seconds(600))
                }
                try await context.promptOutcome(of: waiting, "a wait for \(id) since \(count) entries").get()
            }
        },
        TransactionJournalCase("a wait ends at its limit", .waiting) { context in
            let owner = try await context.enlist()
            let id = try await context.begin(by: owner)
            for limit in [Duration.zero, .seconds(-1), context.brief] {
                let journal = context.journal
                let waiting = context.start {
                    try await journal.waitForChange(of: id, since: 1, upTo: limit)
                }
                let clock = HostClock()
                let end = clock.now.advanced(by: .seconds(20))
                while waiting.outcome == nil {
                    try expect(clock.now < end, "a wait of \(limit.text) did not end")
                    try await clock.sleep(for: .milliseconds(5))
                    if limit > .zero { try await context.pass(0.5) }
                }
                try waiting.outcome?.get()
            }
        },
        TransactionJournalCase("a wait that is cancelled ends at once, and says so", .waiting) { context in
            let owner = try await context.enlist()
            let id = try await context.begin(by: owner)
            for pause in [0, 30] {
                let journal = context.journal
                let waiting = context.start {
                    // Not without end: a journal may ignore it.
                    for _ in 0..<100_000 { try await journal.waitForChange(of: id, since: 1, upTo: .seconds(600)) }
                }
                try await HostClock().sleep(for: .milliseconds(pause))
                waiting.cancel()
                let outcome = try await context.promptOutcome(of: waiting, "a wait that was cancelled")
                try await context.expectRefusal(.cancelled, "a wait that was cancelled") { try outcome.get() }
            }
        },
    ]
}
