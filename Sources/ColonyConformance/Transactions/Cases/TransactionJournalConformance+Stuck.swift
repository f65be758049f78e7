import ColonyCore
import ColonyTransactions

extension TransactionJournalConformance {
    static let stuckCases: [TransactionJournalCase] = [
        TransactionJournalCase("what is stuck belongs to nobody, and nobody claims it", .stuck) { context in
            let owner = try await context.enlist(1)
            let id = try await context.begin(by: owner)
            try await context.stick(id, by: owner)
            let summary = try await context.record(of: id).summary
            try expect(summary.state == .stuck && summary.coordinator == nil, "it is stuck, and \(summary)")
            try await context.expectNothingAdded(to: id, by: owner, "its former owner")
            _ = try await context.journal.renew(owner, for: .zero)
            let claimed = try await context.claim(by: try await context.enlist(2))
            try expect(claimed.isEmpty, "it was claimed: \(claimed)")
        },
        TransactionJournalCase("a person decides once about what is stuck, and it goes on", .stuck) { context in
            let owner = try await context.enlist(1)
            let id = try await context.begin(by: owner)
            try await context.stick(id, by: owner)
            let before = try await context.record(of: id)
            let decision = context.entries(.intervened(.retry, by: "ann", note: "the bank works again"))
            for count in [before.entries.count - 1, before.entries.count + 1, 0] {
                let isDone = try await context.journal.intervene(decision, in: id, state: .running, after: count)
                try expect(
                    !isDone, "a decision about \(count) entries was taken, and there are \(before.entries.count)")
            }
            try expect(try await context.record(of: id) == before, "what was refused changed it")
            let isDone = try await context.other.intervene(
                decision, in: id, state: .running, after: before.entries.count)
            try expect(isDone, "the decision was refused")
            for count in [before.entries.count, before.entries.count + 1] {
                let isDone = try await context.journal.intervene(decision, in: id, state: .running, after: count)
                try expect(!isDone, "a second decision was taken")
            }
            let record = try await context.record(of: id)
            try expect(record.entries == before.entries + decision, "it reads as \(record.entries)")
            try expect(
                record.summary.state == .running && record.summary.coordinator == nil, "it goes on as \(record.summary)"
            )
            try await context.expectNothingAdded(to: id, by: owner, "its former owner")
            let claimed = try await context.claim(by: owner)
            try expect(claimed.map(\.entries) == [record.entries], "it was claimed as \(claimed)")
            try await context.append(.completed(step: 0, output: []), .started(step: 1), to: id, by: owner)
        },
        TransactionJournalCase("what a person closes has ended", .stuck) { context in
            let owner = try await context.enlist()
            for state in [TransactionState.completed, .compensated] {
                let id = try await context.begin(state.rawValue, by: owner)
                try await context.stick(id, by: owner)
                let isDone = try await context.journal.intervene(
                    context.entries(.intervened(.resolve(state), by: "ann", note: ""), .finished(state)), in: id,
                    state: state, after: 2)
                try expect(isDone, "the decision was refused")
                let summary = try await context.record(of: id).summary
                try expect(summary.state == state && summary.coordinator == nil, "it was closed, and is \(summary)")
                try await context.expectNothingAdded(to: id, by: owner, "its former owner")
            }
            try expect(try await context.claim(by: owner).isEmpty, "what was closed was claimed")
        },
        TransactionJournalCase("what is not stuck takes no decision of a person", .stuck) { context in
            let owner = try await context.enlist()
            let running = try await context.begin("running", by: owner)
            let ended = try await context.begin("ended", by: owner)
            try await context.append(.finished(.completed), to: ended, state: .completed, by: owner)
            let decision = context.entries(.intervened(.retry, by: "ann", note: ""))
            for (id, count) in [(running, 1), (ended, 2), (try context.id("nothing"), 0)] {
                let before = try await context.journal.read(id)
                let isDone = try await context.journal.intervene(decision, in: id, state: .running, after: count)
                try expect(!isDone, "a decision about \(id) was taken")
                try expect(try await context.journal.read(id) == before, "what was refused changed \(id)")
            }
        },
        TransactionJournalCase("a transaction may be stuck again, and is decided about again", .stuck) { context in
            let owner = try await context.enlist()
            let id = try await context.begin(by: owner)
            for round in 1...3 {
                try await context.stick(id, by: owner)
                let count = try await context.record(of: id).entries.count
                let isDone = try await context.journal.intervene(
                    context.entries(.intervened(.retry, by: "ann", note: "\(round)")), in: id, state: .running,
                    after: count)
                try expect(isDone, "decision \(round) was refused")
                let claimed = try await context.claim(by: owner)
                try expect(claimed.count == 1, "after decision \(round) it was not claimed")
            }
        },
        TransactionJournalCase("a decision in words is written down as what follows from it", .stuck) { context in
            let owner = try await context.enlist()
            let id = try await context.begin(by: owner)
            try await context.stick(id, by: owner)
            try await context.journal.intervene(.skip(output: [5]), in: id, by: "ann", note: "it was paid")
            let events = try await context.record(of: id).entries.suffix(2).map(\.event)
            try expect(
                events == [
                    .intervened(.skip(output: [5]), by: "ann", note: "it was paid"), .completed(step: 0, output: [5]),
                ], "it was written down as \(events)")
            try await context.expectRefusal(.notStuck, "a second decision") {
                try await context.journal.intervene(.retry, in: id, by: "bob")
            }
            try await context.expectRefusal(.unknownTransaction, "a decision about nothing") {
                try await context.journal.intervene(.retry, in: try context.id("nothing"), by: "bob")
            }
        },
    ]

    static let cancellationCases: [TransactionJournalCase] = [
        TransactionJournalCase("who owns a transaction is told that somebody wants it cancelled", .cancellation) {
            context in
            let owner = try await context.enlist(1)
            let other = try await context.enlist(2, on: context.other)
            let id = try await context.begin("t", by: owner)
            let spared = try await context.begin("spared", by: owner)
            for _ in 0..<2 {
                let isThere = try await context.other.requestCancellation(of: id)
                try expect(isThere, "\(id) is not there to be cancelled")
            }
            for _ in 0..<2 {
                let told = try await context.journal.renew(owner, for: context.ample)
                try expect(told == [id], "its owner was told of \(String(describing: told))")
            }
            let told = try await context.other.renew(other, for: context.ample)
            try expect(told == [], "another coordinator was told of \(String(describing: told))")
            try expect(try await context.record(of: id).isCancellationRequested, "the request is not read")
            try expect(!(try await context.record(of: spared).isCancellationRequested), "\(spared) was to be spared")
            try await context.append(.finished(.compensated), to: id, state: .compensated, by: owner)
            let rest = try await context.journal.renew(owner, for: context.ample)
            try expect(rest == [], "its owner was told of \(String(describing: rest)), which has ended")
        },
        TransactionJournalCase("who claims a transaction is told that somebody wants it cancelled", .cancellation) {
            context in
            let owner = try await context.enlist(1)
            let id = try await context.begin(by: owner)
            _ = try await context.journal.renew(owner, for: .zero)
            try expect(try await context.other.requestCancellation(of: id), "it is not there to be cancelled")
            let successor = try await context.enlist(2)
            let claimed = try await context.claim(by: successor)
            try expect(claimed.map(\.isCancellationRequested) == [true], "it was claimed as \(claimed)")
            let told = try await context.journal.renew(successor, for: context.ample)
            try expect(told == [id], "its new owner was told of \(String(describing: told))")
        },
        TransactionJournalCase("a request is kept while a transaction is stuck", .cancellation) { context in
            let owner = try await context.enlist()
            let id = try await context.begin(by: owner)
            try await context.stick(id, by: owner)
            try expect(try await context.journal.requestCancellation(of: id), "it is not there to be cancelled")
            let told = try await context.journal.renew(owner, for: context.ample)
            try expect(told == [], "its former owner was told of \(String(describing: told))")
            let isDone = try await context.journal.intervene(
                context.entries(.intervened(.retry, by: "ann", note: "")), in: id, state: .running, after: 2)
            try expect(isDone, "the decision was refused")
            let claimed = try await context.claim(by: owner)
            try expect(claimed.map(\.isCancellationRequested) == [true], "it was claimed as \(claimed)")
        },
        TransactionJournalCase("what has ended or is not there is not cancelled", .cancellation) { context in
            let owner = try await context.enlist()
            let id = try await context.begin(by: owner)
            try await context.append(.finished(.completed), to: id, state: .completed, by: owner)
            let before = try await context.record(of: id)
            for id in [id, try context.id("nothing")] {
                try expect(!(try await context.journal.requestCancellation(of: id)), "\(id) was to be cancelled")
            }
            try expect(try await context.record(of: id) == before, "a request changed what had ended")
        },
    ]
}
