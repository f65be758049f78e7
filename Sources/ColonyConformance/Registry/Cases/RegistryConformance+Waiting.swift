import ColonyCoordination
import ColonyCore

extension RegistryConformance {
    static let waitingCases: [RegistryCase] = [
        RegistryCase("a change between the snapshot and the wait ends the wait at once", .waiting) { context in
            let group = try context.name()
            let short = context.scaled(.seconds(5))
            let changes: [(String, @Sendable () async throws -> Void)] = [
                ("the first write", { try await context.put("one", for: "a", in: group) }),
                ("a write", { try await context.put("two", for: "a", in: group) }),
                ("the same write again", { try await context.put("two", for: "a", in: group) }),
                ("a removal", { try await context.engine.removeRecord("a", from: group, if: .always) }),
                (
                    "a write that was removed again",
                    {
                        try await context.put("three", for: "a", in: group)
                        try await context.engine.removeRecord("a", from: group, if: .always)
                    }
                ),
                (
                    "the end of a record",
                    {
                        try await context.put("four", for: "b", in: group, try context.ephemeral(1, for: short))
                        try await context.pass(.seconds(6))
                    }
                ),
            ]
            for (what, change) in changes {
                let seen = try await context.other.snapshot(of: group).revision
                try await change()
                for engine in [context.engine, context.other] {
                    let task = context.start {
                        try await engine.waitForChange(in: group, since: seen, upTo: context.ample)
                    }
                    let hasChanged = try await context.promptOutcome(of: task, "the wait after \(what)").get()
                    try expect(hasChanged, "the wait after \(what) said that nothing has changed")
                }
            }
        },
        RegistryCase("the end of a record after the snapshot ends the wait, seen or not", .waiting) { context in
            let group = try context.name()
            try await context.put(
                "short", for: "a", in: group, try context.ephemeral(1, for: context.scaled(.seconds(5))))
            let seen = try await context.engine.snapshot(of: group)
            if seen.records.isEmpty { throw Inconclusive("the record ran out too early") }
            try await context.pass(.seconds(6))
            // Another client has looked meanwhile, and the store may have removed the record at that.
            try await context.expectRecords(of: group, [], "after a record had run out")
            let engine = context.engine
            let task = context.start {
                try await engine.waitForChange(in: group, since: seen.revision, upTo: context.ample)
            }
            let hasChanged = try await context.promptOutcome(of: task, "the wait for the end of a record").get()
            try expect(hasChanged, "the wait for the end of a record said that nothing has changed")
        },
        RegistryCase("a wait with a limit of zero or less returns at once", .waiting) { context in
            let group = try context.name()
            try await context.put("one", for: "a", in: group)
            let seen = try await context.engine.snapshot(of: group).revision
            for limit in [Duration.zero, .seconds(-1)] {
                let engine = context.engine
                let task = context.start { try await engine.waitForChange(in: group, since: seen, upTo: limit) }
                _ = try await context.promptOutcome(of: task, "the wait with a limit of \(limit)").get()
            }
        },
        RegistryCase("a wait respects its limit", .waiting) { context in
            let limit = context.scaled(.seconds(5))
            for text in ["empty", "full"] {
                let group = try context.name(text)
                if text == "full" { try await context.put("one", for: "a", in: group) }
                let engine = context.engine
                let task = context.start { () -> Duration in
                    // A wait may end early without reason, and then says that something has changed.
                    for _ in 1...100 {
                        let seen = try await engine.snapshot(of: group).revision
                        let before = context.now
                        if try await !engine.waitForChange(in: group, since: seen, upTo: limit) {
                            return before.duration(to: context.now)
                        }
                    }
                    throw ConformanceFailure("100 waits ended early, though nothing had changed")
                }
                let waited = try await context.outcome(
                    of: task, upTo: .seconds(600), "a wait with a limit of \(limit.text)"
                ).get()
                try expect(waited >= limit, "a wait of \(limit.text) gave up after \(waited.text)")
            }
        },
        RegistryCase("a cancelled wait throws cancelled promptly and leaves nothing behind", .waiting) { context in
            let group = try context.name()
            let record = try await context.put("one", for: "a", in: group)
            for engine in [context.engine, context.other] {
                let task = context.start { try await context.follow(group, on: engine) { _ in false } }
                try await context.harness.settle()
                task.cancel()
                try await context.expectCancelled(task, "a cancelled wait")
            }
            try await context.expectRecords(of: group, [record], "after cancelled waits")
            let tasks = context.followers(group) { $0.records.isEmpty }
            try await context.expectAsleep(tasks)
            try await context.engine.removeRecord("a", from: group, if: .always)
            for task in tasks { _ = try await context.promptOutcome(of: task, "a wait after cancelled ones").get() }
        },
        RegistryCase("a wait of a task that is cancelled already throws cancelled", .waiting) { context in
            let group = try context.name()
            try await context.put("one", for: "a", in: group)
            let seen = try await context.engine.snapshot(of: group).revision
            let engine = context.engine
            let task = context.start {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await engine.waitForChange(in: group, since: seen, upTo: context.ample)
            }
            try await context.expectCancelled(task, "the wait of a cancelled task")
        },
    ]

    static let wakingCases: [RegistryCase] = [
        RegistryCase("a write wakes who waits, on both clients, also for an empty group", .waiting) { context in
            let group = try context.name()
            for value in ["one", "two"] {
                let tasks = context.followers(group) { $0["a"]?.value == Array(value.utf8) }
                try await context.expectAsleep(tasks)
                try await context.put(value, for: "a", in: group)
                for task in tasks { _ = try await context.promptOutcome(of: task, "a wait for a write").get() }
            }
        },
        RegistryCase("a removal wakes who waits, on both clients", .waiting) { context in
            let group = try context.name()
            try await context.put("kept", for: "a", in: group)
            for key in ["b", "a"] as [LeaseName] {
                try await context.put("value", for: key, in: group)
                let tasks = context.followers(group) { $0[key] == nil }
                try await context.expectAsleep(tasks)
                try await context.engine.removeRecord(key, from: group, if: .always)
                for task in tasks { _ = try await context.promptOutcome(of: task, "a wait for a removal").get() }
            }
        },
        RegistryCase("a record that runs out wakes who waits, not earlier", .waiting) { context in
            let group = try context.name()
            let kept = try await context.put("kept", for: "b", in: group)
            let duration = context.scaled(.seconds(10))
            let before = context.now
            try await context.put("short", for: "a", in: group, try context.ephemeral(1, for: duration))
            let tasks = context.followers(group) { $0["a"] == nil }
            for task in tasks {
                let last = try await context.outcome(of: task, upTo: .seconds(20), "a wait for the end of a record")
                    .get()
                try expect(last.records == [kept], "one of two records ran out, and there is \(last.records)")
            }
            let end = context.now
            try expect(
                end >= before.advanced(by: duration),
                "a record for \(duration.text) was gone after \(before.duration(to: end).text)")
        },
        RegistryCase("a wait sees the end of a record that was renewed after it began", .waiting) { context in
            let group = try context.name()
            let owner = try context.owner(1)
            let short = context.scaled(.seconds(10))
            let asked = context.now
            try await context.put("short", for: "a", in: group, try context.ephemeral(1, for: short))
            let tasks = context.followers(group) { $0.records.isEmpty }
            try await context.harness.settle()
            let before = context.now
            let longer = context.scaled(.seconds(20))
            guard try await context.engine.renewRecord("a", in: group, owner: owner, for: longer) else {
                try expect(context.now >= asked.advanced(by: short), "a record could not be renewed by its owner")
                throw Inconclusive("the record ran out before it could be renewed")
            }
            for task in tasks {
                _ = try await context.outcome(of: task, upTo: .seconds(40), "a wait for a renewed record").get()
            }
            try expect(context.now >= before.advanced(by: longer), "a record was gone before it had run out")
        },
        RegistryCase("renewals wake nobody", .waiting) { context in
            let group = try context.name()
            let owner = try context.owner(1)
            try await context.put("value", for: "a", in: group, try context.ephemeral(1))
            try await context.expectQuiet(group, "a renewal") {
                let isRenewed = try await context.engine.renewRecord("a", in: group, owner: owner, for: context.ample)
                try expect(isRenewed, "a record could not be renewed by its owner")
            }
        },
        RegistryCase("changes of other groups and refused writes wake nobody", .waiting) { context in
            let group = try context.name("a")
            let near = try context.name("a/b")
            try await context.put("value", for: "a", in: group)
            try await context.expectQuiet(group, "a change elsewhere") {
                try await context.put("value", for: "a", in: near)
                try await context.conflict(for: "a", in: group, if: .absent)
                try await context.engine.removeRecord("b", from: group, if: .always)
            }
        },
        RegistryCase("a follower sees the last of many changes, on both clients", .waiting) { context in
            let group = try context.name()
            let count = context.amount(100, atLeast: 20)
            let last = Array("\(count)".utf8)
            let tasks = context.followers(group) { $0["a"]?.value == last }
            for number in 1...count {
                try await context.put(
                    "\(number)", for: "a", in: group, on: number.isMultiple(of: 2) ? context.engine : context.other)
            }
            for task in tasks {
                _ = try await context.promptOutcome(of: task, "the last of \(count) changes").get()
            }
        },
    ]
}

extension CaseContext where Engine == any RegistryEngine {
    /// Does something again and again that changes nothing of a group, and fails if it wakes who follows the group.
    ///
    /// A wait may end early without reason, but one that ends with each renewal is a poll in disguise.
    func expectQuiet(_ group: LeaseName, _ what: String, _ body: () async throws -> Void) async throws {
        let looks = Tally()
        let end: LeaseName = "the end"
        let engine = self.other
        let task = self.start {
            while true {
                let snapshot = try await engine.snapshot(of: group)
                if snapshot[end] != nil { return }
                looks.increment()
                try await engine.waitForChange(in: group, since: snapshot.revision, upTo: self.ample)
            }
        }
        try await self.harness.settle()
        let before = looks.value
        let count = self.amount(100, atLeast: 20)
        for _ in 1...count {
            try await body()
            try await self.harness.settle()
        }
        let early = looks.value - before
        try await self.put("end", for: end, in: group)
        try await self.promptOutcome(of: task, "the wait for a change").get()
        try expect(early <= count / 4, "\(what) woke who follows the group, \(early) times of \(count)")
    }
}
