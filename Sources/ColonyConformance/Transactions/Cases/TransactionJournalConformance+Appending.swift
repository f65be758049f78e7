import ColonyCore
import ColonyTransactions

extension TransactionJournalConformance {
    static let appendingCases: [TransactionJournalCase] = [
        TransactionJournalCase("decisions are read in the order in which they were added", .appending) { context in
            let token = try await context.enlist()
            let id = try await context.begin(by: token)
            var expected = try await context.record(of: id).entries
            for round in 0..<context.amount(40, atLeast: 12) {
                let added = context.entries(
                    .failed(step: 0, direction: .action, attempt: 2 * round + 1, reason: "once"),
                    .failed(step: 0, direction: .action, attempt: 2 * round + 2, reason: "twice"))
                let isDone = try await context.journal.append(
                    added, to: id, state: .running, durability: round.isMultiple(of: 3) ? .synced : .written, by: token)
                try expect(isDone, "round \(round) was refused")
                expected += added
            }
            for client in [context.journal, context.other] {
                let entries = try await context.record(of: id, on: client).entries
                try expect(entries == expected, "\(entries) was read, and \(expected) was added")
            }
        },
        TransactionJournalCase("only the owner adds to a transaction", .appending) { context in
            let owner = try await context.enlist(1)
            let rival = try await context.enlist(2, on: context.other)
            let namesake = try await context.enlist(1, on: context.other)
            let id = try await context.begin(by: owner)
            try await context.expectNothingAdded(to: id, by: rival, "another coordinator", on: context.other)
            try await context.expectNothingAdded(to: id, by: namesake, "one of the same name", on: context.other)
            try await context.expectNothingAdded(
                to: id, by: FencingToken(rawValue: 1 << 60), "a coordinator that never was")
            try await context.append(.completed(step: 0, output: []), .started(step: 1), to: id, by: owner)
        },
        TransactionJournalCase("nothing is added to what is not there", .appending) { context in
            let token = try await context.enlist()
            let id = try context.id("nothing")
            try await context.expectNothingAdded(to: id, by: token, "a coordinator")
            try expect(try await context.other.read(id) == nil, "it is there now")
        },
        TransactionJournalCase("what has ended belongs to nobody and takes nothing more", .appending) { context in
            let token = try await context.enlist()
            for state in [TransactionState.completed, .compensated] {
                let id = try await context.begin(state.rawValue, by: token)
                try await context.append(
                    .completed(step: 0, output: [1]), .finished(state), to: id, state: state, by: token)
                let summary = try await context.record(of: id).summary
                try expect(summary.state == state && summary.coordinator == nil, "it has ended, and is \(summary)")
                try await context.expectNothingAdded(to: id, by: token, "its former owner")
            }
        },
        TransactionJournalCase("state and time of change are those of the last decisions", .appending) { context in
            let token = try await context.enlist()
            let id = try await context.begin(by: token)
            let moves: [(JournalEvent, TransactionState)] = [
                (.completed(step: 0, output: []), .running), (.turnedBack(.cancelled, reason: ""), .compensating),
                (.failed(step: 0, direction: .compensation, attempt: 1, reason: ""), .compensating),
                (.compensated(step: 0), .compensating), (.finished(.compensated), .compensated),
            ]
            for (index, (event, state)) in moves.enumerated() {
                let at = WallTime(millisecondsSince1970: 1_800_000_000_000 + Int64(index))
                let isDone = try await context.journal.append(
                    [JournalEntry(at: at, event)], to: id, state: state, durability: .synced, by: token)
                try expect(isDone, "\(event) was refused")
                let read = try await context.record(of: id).summary
                let listed = try await context.summaries([state]).first { $0.id == id }
                for summary in [read, try require(listed, "\(id) is not listed as \(state)")] {
                    try expect(
                        summary.state == state && summary.changedAt == at,
                        "after \(event) of \(at) it is \(summary.state) since \(summary.changedAt)")
                    try expect(
                        summary.coordinator == (state.isFinal ? nil : token),
                        "after \(event) it belongs to \(String(describing: summary.coordinator))")
                }
            }
        },
    ]

    static let contentCases: [TransactionJournalCase] = [
        TransactionJournalCase("every kind of decision comes back byte for byte", .contents) { context in
            let token = try await context.enlist()
            let id = try await context.begin(by: token)
            let bytes = (0...255).map { UInt8($0) }
            let reason = "„nein“ sagt die Bank 🏦\n\t\u{0}\u{7F}"
            var events: [JournalEvent] = [
                .completed(step: 0, output: bytes), .completed(step: 255, output: []),
                .refused(step: 1, reason: reason, leavesEffects: true),
                .refused(step: 2, reason: "", leavesEffects: false), .compensated(step: 254),
                .intervened(.retry, by: "ann", note: reason), .intervened(.turnBack, by: "bob", note: ""),
                .intervened(.skip(output: nil), by: "ann", note: "it is done"),
                .intervened(.skip(output: bytes), by: "ann", note: "it is done"),
                .intervened(.skip(output: []), by: "ann", note: "it is done"), .started(step: 128),
            ]
            for direction in StepDirection.allCases {
                events.append(.failed(step: 3, direction: direction, attempt: 1 << 40, reason: reason))
                events.append(.stuck(step: 3, direction: direction, reason: reason))
            }
            for cause in [
                JournalEvent.TurnBack.refused, .cancelled, .timedOut, .decided, .exhausted,
            ] { events.append(.turnedBack(cause, reason: reason)) }
            for state in TransactionState.allCases {
                events.append(.intervened(.resolve(state), by: "ann", note: reason))
                events.append(.finished(state))
            }
            let times: [Int64] = [0, .max, .min, -1, 1_700_000_000_000]
            let entries = events.enumerated().map { index, event in
                JournalEntry(at: WallTime(millisecondsSince1970: times[index % times.count]), event)
            }
            let isDone = try await context.journal.append(
                entries, to: id, state: .running, durability: .synced, by: token)
            try expect(isDone, "they were refused")
            let read = try await context.record(of: id).entries
            try expect(read.count == entries.count + 1, "of \(entries.count + 1) entries \(read.count) came back")
            for (present, added) in zip(read.dropFirst(), entries) {
                try expect(present == added, "\(added) came back as \(present)")
            }
        },
        TransactionJournalCase("inputs and outputs of the largest size come back", .contents) { context in
            let token = try await context.enlist()
            let large = (0..<TransactionLimits.payloadBytes).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            var new = try context.saga(try context.id())
            new.input = large
            new.entries = context.entries(.completed(step: 0, output: large), .started(step: 1))
            try expect(try await context.journal.begin(new, by: token) == .begun, "\(new.id) was there already")
            let added = context.entries(.completed(step: 1, output: large), .started(step: 2))
            let isDone = try await context.journal.append(
                added, to: new.id, state: .running, durability: .synced, by: token)
            try expect(isDone, "a large output was refused")
            let record = try await context.record(of: new.id)
            try expect(record.input == large, "the input came back as \(record.input.count) other bytes")
            try expect(record.entries == new.entries + added, "the outputs came back changed")
        },
        TransactionJournalCase("a definition of as many steps as there may be comes back", .contents) { context in
            let token = try await context.enlist()
            var new = try context.saga(try context.id())
            new.outline = try (0..<TransactionLimits.steps).map { index in
                StepOutline(
                    try StepName("step-\(index)"), StepOutline.Kind.allCases[index % 4],
                    after: index == 0 ? [] : Array(Set([0, index / 2, index - 1])).sorted(),
                    hasCompensation: index.isMultiple(of: 2), compensatesRefused: index.isMultiple(of: 3))
            }
            try expect(try await context.journal.begin(new, by: token) == .begun, "\(new.id) was there already")
            try expect(try await context.record(of: new.id).outline == new.outline, "the steps came back changed")
        },
    ]
}
