import ColonyCore
import ColonyTransactions

extension TransactionJournalConformance {
    static let coordinatorCases: [TransactionJournalCase] = [
        TransactionJournalCase(
            "tokens rise with each enlisting, whoever it is and through whatever client", .coordinators
        ) {
            context in
            var tokens: [FencingToken] = []
            for index in 0..<8 {
                tokens.append(
                    try await context.enlist(index / 2, on: index.isMultiple(of: 2) ? context.journal : context.other))
            }
            try expect(tokens.map(\.rawValue) == Set(tokens.map(\.rawValue)).sorted(), "they do not rise: \(tokens)")
            try expect(tokens.allSatisfy { $0.rawValue > 0 }, "a token is zero: \(tokens)")
        },
        TransactionJournalCase("a coordinator that renews stays enlisted beyond its first lease", .coordinators) {
            context in
            let token = try await context.enlist(for: context.brief)
            for _ in 0..<4 {
                let before = context.harness.clock.now
                try await context.pass(0.4)
                let renewed = try await context.other.renew(token, for: context.brief)
                if renewed == nil, before.duration(to: context.harness.clock.now) > context.brief * 0.8 {
                    throw Inconclusive("the lease ran out before it could be renewed")
                }
                try expect(renewed == [], "a coordinator in time was told \(String(describing: renewed))")
            }
            _ = try await context.journal.renew(token, for: context.ample)
            try await context.pass(1.2)
            try expect(try await context.journal.renew(token, for: context.ample) == [], "its last lease was ample")
        },
        TransactionJournalCase("a coordinator whose lease has run out is not enlisted any more", .coordinators) {
            context in
            let token = try await context.enlist(for: context.brief)
            try await context.pass(1.1)
            try await Self.expectStrange(token, context)
        },
        TransactionJournalCase("a coordinator that has resigned is not enlisted any more", .coordinators) { context in
            let token = try await context.enlist()
            try expect(try await context.journal.renew(token, for: .zero) == [], "it could not resign")
            try await Self.expectStrange(token, context)
            try expect(try await context.journal.renew(token, for: .zero) == nil, "it resigned twice")
        },
        TransactionJournalCase("a coordinator that never was is not enlisted", .coordinators) { context in
            try await Self.expectStrange(FencingToken(rawValue: 1 << 60), context)
        },
    ]

    private static func expectStrange(_ token: FencingToken, _ context: TransactionJournalCaseContext) async throws {
        for client in [context.journal, context.other] {
            let renewed = try await client.renew(token, for: context.ample)
            try expect(renewed == nil, "it was renewed")
            try await context.expectRefusal(.notRunning, "its beginning") {
                _ = try await client.begin(try context.saga(try context.id("never")), by: token)
            }
            try await context.expectRefusal(.notRunning, "its claim") {
                _ = try await context.claim(by: token, on: client)
            }
        }
    }

    static let takeoverCases: [TransactionJournalCase] = [
        TransactionJournalCase("nobody claims what belongs to a coordinator that is alive", .takeover) { context in
            let owner = try await context.enlist(1)
            let rival = try await context.enlist(2, on: context.other)
            let id = try await context.begin(by: owner)
            for token in [rival, owner] {
                let outcome = try await context.other.claim(upTo: 10, of: [try context.definition()], by: token)
                try expect(outcome.claimed.isEmpty, "\(outcome.claimed) was claimed")
            }
            try expect(try await context.record(of: id).summary.coordinator == owner, "it has another owner now")
            try await context.append(.completed(step: 0, output: []), to: id, by: owner)
        },
        TransactionJournalCase(
            "what belonged to one that has resigned is claimed at once, with all decisions", .takeover
        ) {
            context in
            let owner = try await context.enlist(1)
            let id = try await context.begin(by: owner)
            try await context.append(.completed(step: 0, output: [9]), .started(step: 1), to: id, by: owner)
            var expected = try await context.record(of: id)
            _ = try await context.journal.renew(owner, for: .zero)
            let successor = try await context.enlist(2, on: context.other)
            let claimed = try await context.claim(by: successor, on: context.other)
            expected.summary.coordinator = successor
            try expect(claimed == [expected], "\(expected) was to be claimed, and \(claimed) was")
            try expect(try await context.record(of: id) == expected, "it does not read as it was claimed")
            try await context.append(
                .completed(step: 1, output: []), to: id, by: successor, on: context.other)
        },
        TransactionJournalCase("what belonged to one whose lease has run out is claimed", .takeover) { context in
            let owner = try await context.enlist(1, for: context.brief)
            let id: TransactionID
            do {
                id = try await context.begin(by: owner)
            } catch let error as TransactionError where error.code == .notRunning {
                throw Inconclusive("the lease ran out before anything was begun")
            }
            let successor = try await context.enlist(2, on: context.other)
            try await context.pass(1.1)
            let claimed = try await context.claim(by: successor, on: context.other)
            try expect(claimed.map(\.summary.id) == [id], "\(id) was to be claimed, and \(claimed) was")
        },
        TransactionJournalCase("a coordinator that was paused writes nothing after a takeover", .takeover) { context in
            let owner = try await context.enlist(1, for: context.brief)
            let id: TransactionID
            do {
                id = try await context.begin(by: owner)
            } catch let error as TransactionError where error.code == .notRunning {
                throw Inconclusive("the lease ran out before anything was begun")
            }
            try await context.pass(1.1)
            let successor = try await context.enlist(2, on: context.other)
            _ = try await context.claim(by: successor, on: context.other)
            try await context.expectNothingAdded(to: id, by: owner, "the former owner")
            let anew = try await context.enlist(1)
            try await context.expectNothingAdded(to: id, by: anew, "the former owner under a new token")
            try await context.append(.completed(step: 0, output: [2]), to: id, by: successor, on: context.other)
            try await context.expectNothingAdded(to: id, by: owner, "the former owner")
        },
        TransactionJournalCase("what is compensating is claimed as well", .takeover) { context in
            let owner = try await context.enlist(1)
            let id = try await context.begin(by: owner)
            try await context.append(.turnedBack(.timedOut, reason: "late"), to: id, state: .compensating, by: owner)
            _ = try await context.journal.renew(owner, for: .zero)
            let claimed = try await context.claim(by: try await context.enlist(2))
            try expect(claimed.map(\.summary.id) == [id], "\(id) was to be claimed, and \(claimed) was")
            try expect(claimed.first?.summary.state == .compensating, "it does not turn back any more")
        },
        TransactionJournalCase(
            "claims give the oldest first, whoever began them, and no more than was asked for", .takeover
        ) {
            context in
            let owners = [try await context.enlist(1), try await context.enlist(2, on: context.other)]
            var ids: [TransactionID] = []
            for index in 0..<7 { ids.append(try await context.begin("t\(index)", by: owners[index % 2])) }
            for owner in owners { _ = try await context.journal.renew(owner, for: .zero) }
            let successor = try await context.enlist(3)
            for range in [0..<3, 3..<6, 6..<7] {
                let claimed = try await context.claim(upTo: 3, by: successor).map(\.summary.id)
                try expect(claimed == Array(ids[range]), "\(ids[range]) were to be claimed, and \(claimed) were")
            }
            try expect(try await context.claim(by: successor).isEmpty, "something was claimed a second time")
        },
        TransactionJournalCase(
            "a transaction is taken over again and again, and only the last owner adds to it", .takeover
        ) {
            context in
            var owners = [try await context.enlist(0)]
            let id = try await context.begin(by: owners[0])
            for round in 1...4 {
                let owner = owners[round - 1]
                try await context.append(
                    .failed(step: 0, direction: .action, attempt: round, reason: ""), to: id, by: owner)
                _ = try await context.journal.renew(owner, for: .zero)
                let successor = try await context.enlist(round, on: context.other)
                let claimed = try await context.claim(by: successor, on: context.other)
                try expect(claimed.first?.entries.count == round + 1, "in round \(round) it was claimed as \(claimed)")
                owners.append(successor)
                for former in owners.dropLast() {
                    try await context.expectNothingAdded(to: id, by: former, "a former owner")
                }
            }
        },
    ]

    static let definitionCases: [TransactionJournalCase] = [
        TransactionJournalCase("only the definitions asked for are claimed, and the others are named", .definitions) {
            context in
            let owner = try await context.enlist(1)
            let keys = [
                try context.definition("a"), try context.definition("a", version: 2), try context.definition("b"),
            ]
            var ids: [TransactionID] = []
            for (index, key) in keys.enumerated() { ids.append(try await context.begin("t\(index)", by: owner, key)) }
            _ = try await context.journal.renew(owner, for: .zero)
            let successor = try await context.enlist(2)
            for (index, key) in keys.enumerated() {
                let outcome = try await context.journal.claim(upTo: 10, of: [key], by: successor)
                let left = Set(keys[(index + 1)...])
                try expect(
                    outcome.claimed.map(\.summary.id) == [ids[index]],
                    "of \(key) \(ids[index]) was to be claimed, and \(outcome.claimed) was")
                let unknown = outcome.unknown.filter { keys.contains($0) }
                try expect(unknown == left, "\(left) were left, and \(unknown) were named")
                if context.harness.isAlone {
                    try expect(outcome.unknown == left, "\(left) were left, and \(outcome.unknown) were named")
                }
            }
        },
        TransactionJournalCase("definitions of what belongs to somebody, or is stuck, are not named", .definitions) {
            context in
            let owner = try await context.enlist(1)
            let key = try context.definition("a")
            _ = try await context.begin("held", by: owner, key)
            let stuck = try await context.begin("stuck", by: owner, key)
            try await context.stick(stuck, by: owner)
            let other = try await context.enlist(2)
            let outcome = try await context.journal.claim(upTo: 10, of: [try context.definition("b")], by: other)
            try expect(outcome.claimed.isEmpty, "\(outcome.claimed) was claimed")
            try expect(!outcome.unknown.contains(key), "\(key) was named")
        },
        TransactionJournalCase("a claim of no definition gives nothing", .definitions) { context in
            let owner = try await context.enlist(1)
            let id = try await context.begin(by: owner)
            _ = try await context.journal.renew(owner, for: .zero)
            let outcome = try await context.journal.claim(upTo: 10, of: [], by: try await context.enlist(2))
            try expect(outcome.claimed.isEmpty, "\(outcome.claimed) was claimed")
            try expect(outcome.unknown.contains(try context.definition()), "the definition of \(id) was not named")
        },
    ]
}
