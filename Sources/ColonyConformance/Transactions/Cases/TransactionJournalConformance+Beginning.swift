import ColonyCore
import ColonyTransactions

extension TransactionJournalConformance {
    static let beginningCases: [TransactionJournalCase] = [
        TransactionJournalCase("a transaction that was begun is read as it was begun, by every client", .beginning) {
            context in
            let token = try await context.enlist()
            var new = try context.saga(try context.id())
            new.kind = .tcc
            new.label = "place-order"
            new.timeout = .milliseconds(90_001)
            new.input = (0...255).map { UInt8($0) }
            new.outline = [
                StepOutline("überweisen/1", .compensable, after: [], hasCompensation: true, compensatesRefused: true),
                StepOutline("b", .computed, after: [0]), StepOutline("c", .pivot, after: [0, 1]),
                StepOutline("d", .retryable, after: [2], hasCompensation: true),
            ]
            new.entries = context.entries(.started(step: 0), .completed(step: 0, output: [0, 255]), .started(step: 2))
            try expect(try await context.journal.begin(new, by: token) == .begun, "\(new.id) was there already")
            for client in [context.journal, context.other] {
                let record = try await context.record(of: new.id, on: client)
                try expect(
                    record
                        == TransactionRecord(
                            summary: TransactionSummary(
                                id: new.id, kind: .tcc, label: "place-order", state: .running,
                                startedAt: new.startedAt,
                                changedAt: new.entries.last?.at ?? new.startedAt, coordinator: token,
                                number: record.summary.number),
                            definition: new.definition, outline: new.outline, input: new.input,
                            timeout: new.timeout, isCancellationRequested: false, entries: new.entries),
                    "\(new) was begun by \(token), and reads as \(record)")
            }
        },
        TransactionJournalCase("a transaction is begun once; who begins it again finds it as it stands", .beginning) {
            context in
            let first = try await context.enlist(1)
            let second = try await context.enlist(2, on: context.other)
            let id = try await context.begin(by: first)
            try await context.append(.completed(step: 0, output: [7]), .started(step: 1), to: id, by: first)
            let present = try await context.record(of: id)
            var again = try context.saga(id)
            again.input = Array("another order".utf8)
            for (token, client) in [(first, context.journal), (second, context.other)] {
                let outcome = try await client.begin(again, by: token)
                try expect(outcome == .exists(present), "a second beginning found \(outcome) instead of \(present)")
            }
            try expect(try await context.record(of: id) == present, "a second beginning changed the first")
        },
        TransactionJournalCase("a transaction that has ended is found by who begins it again", .beginning) { context in
            let token = try await context.enlist()
            let id = try await context.begin(by: token)
            try await context.append(.finished(.completed), to: id, state: .completed, by: token)
            let present = try await context.record(of: id)
            let outcome = try await context.journal.begin(try context.saga(id), by: token)
            try expect(outcome == .exists(present), "a second beginning after the end found \(outcome)")
        },
        TransactionJournalCase("a transaction may end with its beginning, and belongs to nobody then", .beginning) {
            context in
            let token = try await context.enlist()
            for (text, state) in [("c", TransactionState.completed), ("s", .stuck), ("z", .compensated)] {
                var new = try context.saga(try context.id(text))
                new.state = state
                new.entries = context.entries(
                    state == .stuck
                        ? .stuck(step: 0, direction: .action, reason: "it cannot be computed") : .finished(state))
                try expect(try await context.journal.begin(new, by: token) == .begun, "\(new.id) was there already")
                let summary = try await context.record(of: new.id).summary
                try expect(summary.state == state && summary.coordinator == nil, "it was \(state), and is \(summary)")
            }
            _ = try await context.journal.renew(token, for: .zero)
            let claimed = try await context.claim(by: try await context.enlist(2))
            try expect(claimed.isEmpty, "what had ended was claimed: \(claimed)")
        },
        TransactionJournalCase("a transaction that nobody began is not there", .beginning) { context in
            try expect(try await context.journal.read(try context.id("nothing")) == nil, "it is there")
        },
        TransactionJournalCase("those that were begun later have greater numbers", .beginning) { context in
            let first = try await context.enlist(1)
            let second = try await context.enlist(2, on: context.other)
            var numbers: [Int64] = []
            for index in 0..<6 {
                let isFirst = index.isMultiple(of: 2)
                let id = try await context.begin(
                    "t\(index)", by: isFirst ? first : second, on: isFirst ? context.journal : context.other)
                numbers.append(try await context.record(of: id).summary.number)
            }
            try expect(numbers == Set(numbers).sorted(), "the numbers do not rise: \(numbers)")
        },
        TransactionJournalCase("who is not enlisted begins nothing", .beginning) { context in
            let token = try await context.enlist()
            _ = try await context.journal.renew(token, for: .zero)
            let id = try context.id()
            let unknown = FencingToken(rawValue: 1 << 60)
            for (who, stranger) in [("a coordinator that has resigned", token), ("one that never was", unknown)] {
                try await context.expectRefusal(.notRunning, "a beginning by \(who)") {
                    _ = try await context.journal.begin(try context.saga(id), by: stranger)
                }
            }
            try expect(try await context.other.read(id) == nil, "it is there all the same")
        },
    ]
}
