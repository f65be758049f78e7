import ColonyCoordination
import ColonyCore

extension RegistryConformance {
    static let snapshotCases: [RegistryCase] = [
        RegistryCase("an empty group has an empty snapshot", .snapshots) { context in
            let group = try context.name()
            try await context.expectRecords(of: group, [], "without a write")
            try await context.put("one", for: "a", in: group)
            try await context.engine.removeRecord("a", from: group, if: .always)
            try await context.expectRecords(of: group, [], "after everything was removed")
        },
        RegistryCase("a snapshot has all records in the byte order of their keys", .snapshots) { context in
            let group = try context.name()
            let texts = [
                "b", "a", "aa", "a/b", "A", "Z", "é", "e\u{301}", "日本", "a b", "a%", "a_", "~", "👩‍👩‍👧", "\u{FFFD}",
                "\u{10FFFD}", "10", "9",
            ]
            var expected: [RegistryRecord] = []
            for text in texts { expected.append(try await context.put(text, for: try LeaseName(text), in: group)) }
            expected.sort { $0.key < $1.key }
            try await context.expectRecords(of: group, expected, "after \(texts.count) writes")
            let many = try context.name("many")
            let count = context.amount(1_000, atLeast: 150)
            let keys = try (0..<count).map { try LeaseName("record-\($0)") }
            try await context.concurrently(keys) { engine, key in
                _ = try await engine.put(RegistryWrite(Array(key.rawValue.utf8), for: key), in: many)
            }
            let found = try await context.other.snapshot(of: many).records
            try expect(
                found.map(\.key) == keys.sorted(), "\(count) records were written, and \(found.count) are in the group")
            try expect(
                found.allSatisfy { $0.value == Array($0.key.rawValue.utf8) }, "records have the values of others")
        },
        RegistryCase("a snapshot is of one moment", .snapshots) { context in
            let group = try context.name()
            let wanted = context.amount(300, atLeast: 60)
            let reads = Tally()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    var number = 0
                    while reads.value < wanted {
                        // A reader that has found something ends the group.
                        try Task.checkCancellation()
                        number += 1
                        try await context.put("\(number)", for: "b", in: group)
                        try await context.put("\(number)", for: "a", in: group)
                        await Task.yield()
                    }
                }
                for engine in [context.engine, context.other, context.other] {
                    tasks.addTask {
                        var last = RegistryRevision(rawValue: 0)
                        while reads.value < wanted {
                            try Task.checkCancellation()
                            let snapshot = try await engine.snapshot(of: group)
                            let (a, b) = (snapshot["a"].number, snapshot["b"].number)
                            try expect(
                                b == a || b == a + 1,
                                "a was written after b each time, and in one snapshot a is \(a) and b is \(b)")
                            try expect(
                                snapshot.revision >= last, "revision \(snapshot.revision) was seen after \(last)")
                            last = snapshot.revision
                            if b > 0 { reads.increment() }
                            await Task.yield()
                        }
                    }
                }
                for try await _ in tasks {}
            }
        },
    ]

    static let contentionCases: [RegistryCase] = [
        RegistryCase("of many who write under absent exactly one does", .conditions) { context in
            let group = try context.name()
            for round in 1...context.amount(20, atLeast: 4) {
                let key = try LeaseName("key-\(round)")
                let answers = try await context.race(30, in: group) { number in
                    RegistryWrite(Array("\(number)".utf8), for: key, if: .absent)
                }
                let written = answers.compactMap { if case .written(let record) = $0 { record } else { nil } }
                try expect(
                    written.count == 1, "\(written.count) of 30 wrote \(key) under the condition that it is absent")
                for case .conflict(let record) in answers {
                    try expect(
                        record == written.first,
                        "a loser of the race was told \(String(describing: record)), and the winner wrote \(written)")
                }
            }
        },
        RegistryCase("writes under a version lose no update", .conditions) { context in
            let group = try context.name()
            let rounds = context.amount(20, atLeast: 4)
            try await context.put("0", for: "a", in: group)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<6 {
                    let engine = number.isMultiple(of: 2) ? context.engine : context.other
                    tasks.addTask {
                        for _ in 1...rounds {
                            var isWritten = false
                            while !isWritten {
                                try Task.checkCancellation()
                                let record = try require(
                                    try await engine.snapshot(of: group)["a"], "the record is gone")
                                let next = Array("\(Optional(record).number + 1)".utf8)
                                let write = RegistryWrite(next, for: "a", if: .version(record.version))
                                if case .written = try await engine.put(write, in: group) { isWritten = true }
                            }
                        }
                    }
                }
                for try await _ in tasks {}
            }
            let count = try await context.other.snapshot(of: group)["a"].number
            try expect(count == 6 * rounds, "\(6 * rounds) updates were made, and the count is \(count)")
        },
    ]
}

extension Optional<RegistryRecord> {
    /// The number that a record says; 0 for none.
    fileprivate var number: Int { self.flatMap { Int(String(decoding: $0.value, as: UTF8.self)) } ?? 0 }
}

extension CaseContext where Engine == any RegistryEngine {
    /// Makes many writes at once, over both clients.
    fileprivate func race(
        _ count: Int, in group: LeaseName, _ write: (Int) -> RegistryWrite
    ) async throws -> [RegistryAnswer] {
        try await withThrowingTaskGroup(of: RegistryAnswer.self) { tasks in
            for number in 1...count {
                let engine = number.isMultiple(of: 2) ? self.engine : self.other
                let write = write(number)
                tasks.addTask { try await engine.put(write, in: group) }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
    }
}
