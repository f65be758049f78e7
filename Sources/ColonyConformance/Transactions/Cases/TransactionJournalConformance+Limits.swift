import ColonyCore
import ColonyTransactions

extension TransactionJournalConformance {
    static let limitCases: [TransactionJournalCase] = [
        TransactionJournalCase("leases beyond their limits are refused, and those at the limits are not", .limits) {
            context in
            let limits = TransactionLimits.lease
            let token = try await context.enlist()
            for lease in [
                Duration.zero, .seconds(-1), limits.lowerBound - .nanoseconds(1), limits.upperBound + .nanoseconds(1),
            ] {
                try await context.expectRefusal(.invalidRequest, "a lease of \(lease.text)") {
                    _ = try await context.enlist(2, for: lease)
                }
                // Zero resigns.
                if lease == .zero { continue }
                try await context.expectRefusal(.invalidRequest, "a renewal for \(lease.text)") {
                    _ = try await context.journal.renew(token, for: lease)
                }
            }
            for lease in [limits.upperBound, limits.lowerBound] {
                _ = try await context.enlist(3, for: lease)
                let renewed = try await context.journal.renew(try await context.enlist(4), for: lease)
                try expect(renewed == [], "a renewal for \(lease.text) was answered \(String(describing: renewed))")
            }
        },
        TransactionJournalCase("claims and pages of no transaction, or of too many, are refused", .limits) { context in
            let token = try await context.enlist()
            for limit in [0, -1, TransactionLimits.batch + 1] {
                try await context.expectRefusal(.invalidRequest, "a claim of \(limit)") {
                    _ = try await context.claim(upTo: limit, by: token)
                }
                try await context.expectRefusal(.invalidRequest, "a page of \(limit)") {
                    _ = try await context.journal.list([.running], limit: limit, after: nil)
                }
            }
            _ = try await context.claim(upTo: TransactionLimits.batch, by: token)
            _ = try await context.journal.list([.running], limit: TransactionLimits.batch, after: nil)
        },
        TransactionJournalCase("what is too large or makes no sense is refused, and changes nothing", .limits) {
            context in
            let token = try await context.enlist()
            let large = [UInt8](repeating: 7, count: TransactionLimits.payloadBytes + 1)
            let id = try context.id()
            var refused: [(String, TransactionError.Code, NewTransaction)] = []
            var new = try context.saga(id)
            new.input = large
            refused.append(("a large input", .tooLarge, new))
            new = try context.saga(id)
            new.entries = context.entries(.completed(step: 0, output: large))
            refused.append(("a large output", .tooLarge, new))
            new = try context.saga(id)
            new.entries = []
            refused.append(("a beginning without a decision", .invalidRequest, new))
            for timeout in [Duration.zero, .seconds(-1)] {
                new = try context.saga(id)
                new.timeout = timeout
                refused.append(("a time of \(timeout.text)", .invalidRequest, new))
            }
            new = try context.saga(id)
            new.outline = try (0...TransactionLimits.steps).map {
                StepOutline(try StepName("step-\($0)"), .retryable, after: [])
            }
            refused.append(("a definition of too many steps", .invalidRequest, new))
            for (what, code, new) in refused {
                try await context.expectRefusal(code, what) { _ = try await context.journal.begin(new, by: token) }
            }
            try expect(try await context.other.read(id) == nil, "something was begun all the same")

            _ = try await context.begin(by: token)
            let present = try await context.record(of: id)
            let additions: [(String, TransactionError.Code, [JournalEntry])] = [
                ("no decision", .invalidRequest, []),
                ("a large output", .tooLarge, context.entries(.completed(step: 0, output: large))),
                (
                    "a large output of a person", .tooLarge,
                    context.entries(.intervened(.skip(output: large), by: "ann", note: ""))
                ),
            ]
            for (what, code, entries) in additions {
                try await context.expectRefusal(code, what) {
                    _ = try await context.journal.append(
                        entries, to: id, state: .running, durability: .synced, by: token)
                }
                try await context.expectRefusal(code, what) {
                    _ = try await context.journal.intervene(entries, in: id, state: .running, after: 1)
                }
            }
            try expect(try await context.record(of: id) == present, "what was refused changed it")
        },
        TransactionJournalCase("names of the longest kind, and of any script, come back", .limits) { context in
            let token = try await context.enlist()
            let room = TransactionID.maximumBytes - context.prefix.utf8.count
            let ids = [
                try context.id(String(repeating: "x", count: room)), try context.id("ä\"'\\{}, $1 %🏦"),
            ]
            let key = try context.definition(
                String(repeating: "y", count: DefinitionName.maximumBytes - context.prefix.utf8.count), version: 1 << 30
            )
            for id in ids {
                var new = try context.saga(id, key)
                new.label = try DefinitionName(String(repeating: "ü", count: DefinitionName.maximumBytes / 2))
                try expect(try await context.journal.begin(new, by: token) == .begun, "\(id) was there already")
                let record = try await context.record(of: id)
                try expect(
                    record.summary.id == id && record.definition == key && record.summary.label == new.label,
                    "\(id) of \(key) came back as \(record)")
            }
            _ = try await context.journal.renew(token, for: .zero)
            let claimed = try await context.claim(key, by: try await context.enlist(2))
            try expect(claimed.map(\.summary.id) == ids, "\(ids) were to be claimed, and \(claimed) were")
        },
    ]
}
