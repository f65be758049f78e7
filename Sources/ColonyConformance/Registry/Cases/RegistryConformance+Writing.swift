import ColonyCoordination
import ColonyCore

extension RegistryConformance {
    static let writingCases: [RegistryCase] = [
        RegistryCase("a record that was put is in every client's snapshot", .writing) { context in
            let group = try context.name()
            let permanent = try await context.put("one", for: "a", in: group)
            let owned = try await context.put("two", for: "b", in: group, try context.ephemeral(1), on: context.other)
            for engine in [context.engine, context.other] {
                let snapshot = try await context.expectRecords(
                    of: group, [permanent, owned], "after two writes", on: engine)
                try expect(snapshot["a"] == permanent && snapshot["c"] == nil, "a snapshot does not find its records")
            }
        },
        RegistryCase("a write replaces the value and the owner of what was there", .writing) { context in
            let group = try context.name()
            let lifetimes: [RegistryWrite.Lifetime] = [
                .permanent, try context.ephemeral(1), try context.ephemeral(2), .permanent, try context.ephemeral(1),
            ]
            for (number, lifetime) in lifetimes.enumerated() {
                let engine = number.isMultiple(of: 2) ? context.engine : context.other
                let record = try await context.put("value \(number)", for: "a", in: group, lifetime, on: engine)
                try await context.expectRecords(of: group, [record], "after write \(number)")
            }
        },
        RegistryCase("a permanent write over an ephemeral record does not run out", .writing) { context in
            let group = try context.name()
            try await context.put(
                "old", for: "a", in: group, try context.ephemeral(1, for: context.scaled(.seconds(5))))
            let record = try await context.put("new", for: "a", in: group)
            try await context.pass(.seconds(20))
            try await context.expectRecords(of: group, [record], "long after a permanent write")
        },
        RegistryCase("an ephemeral write over a permanent record runs out", .writing) { context in
            let group = try context.name()
            try await context.put("old", for: "a", in: group)
            try await context.put(
                "new", for: "a", in: group, try context.ephemeral(1, for: context.scaled(.seconds(5))))
            try await context.pass(.seconds(6))
            try await context.expectRecords(of: group, [], "after an ephemeral write had run out")
        },
        RegistryCase("a value may have any bytes, or none", .writing) { context in
            let group = try context.name()
            for (key, value) in [("empty", []), ("all", Array(UInt8.min...UInt8.max)), ("zero", [0])] {
                let key = try LeaseName(key)
                let answer = try await context.engine.put(RegistryWrite(value, for: key), in: group)
                guard case .written(let record) = answer else { throw ConformanceFailure("a free key had \(answer)") }
                let found = try await context.other.snapshot(of: group)[key]
                try expect(
                    record.value == value && found?.value == value,
                    "\(value.count) bytes were written, and read as \(found?.value.count ?? -1)")
            }
        },
        RegistryCase("groups do not share records", .writing) { context in
            let first = try context.name("first")
            let second = try context.name("second")
            let record = try await context.put("one", for: "a", in: first)
            let other = try await context.put("two", for: "a", in: second)
            try await context.expectRecords(of: first, [record], "after a write to another group")
            try await context.engine.removeRecord("a", from: first, if: .always)
            try await context.expectRecords(of: second, [other], "after a removal from another group")
            try await context.expectRecords(of: first, [], "after the removal")
        },
    ]

    static let conditionCases: [RegistryCase] = [
        RegistryCase("a write under absent is made where nothing is, and only there", .conditions) { context in
            let group = try context.name()
            let record = try await context.put("one", for: "a", in: group, try context.ephemeral(1), if: .absent)
            for engine in [context.engine, context.other] {
                for number in 1...2 {
                    try await context.conflict(
                        with: record, for: "a", in: group, try context.ephemeral(number), if: .absent, on: engine)
                }
            }
            try await context.expectRecords(of: group, [record], "after conflicts")
            try await context.engine.removeRecord("a", from: group, if: .always)
            try await context.put("two", for: "a", in: group, if: .absent, on: context.other)
        },
        RegistryCase("a write under absent is made where a record has run out", .conditions) { context in
            let group = try context.name()
            let old = try await context.put(
                "one", for: "a", in: group, try context.ephemeral(1, for: context.scaled(.seconds(5))))
            try await context.pass(.seconds(6))
            let new = try await context.put("two", for: "a", in: group, if: .absent)
            try expect(new.version > old.version, "version \(new.version) must exceed \(old.version)")
        },
        RegistryCase("a write under a version is made only while the record is in it", .conditions) { context in
            let group = try context.name()
            let first = try await context.put("one", for: "a", in: group)
            let second = try await context.put("two", for: "a", in: group, if: .version(first.version))
            try await context.conflict(
                with: second, for: "a", in: group, if: .version(first.version), on: context.other)
            try await context.conflict(with: nil, for: "b", in: group, if: .version(second.version))
            try await context.expectRecords(of: group, [second], "after conflicts")
            try await context.engine.removeRecord("a", from: group, if: .always)
            try await context.conflict(with: nil, for: "a", in: group, if: .version(second.version))
            let third = try await context.put("two", for: "a", in: group)
            try await context.conflict(with: third, for: "a", in: group, if: .version(second.version))
        },
        RegistryCase("a write under an owner is made where the record is its own or none", .conditions) { context in
            let group = try context.name()
            let (mine, other) = (try context.owner(1), try context.owner(2))
            let first = try await context.put("one", for: "a", in: group, try context.ephemeral(1), if: .owner(mine))
            try await context.conflict(
                with: first, for: "a", in: group, try context.ephemeral(2), if: .owner(other), on: context.other)
            let second = try await context.put("two", for: "a", in: group, try context.ephemeral(1), if: .owner(mine))
            try await context.expectRecords(of: group, [second], "after a conflict")
            let permanent = try await context.put("three", for: "b", in: group)
            try await context.conflict(
                with: permanent, for: "b", in: group, try context.ephemeral(1), if: .owner(mine))
        },
        RegistryCase("a conflict changes nothing, not even the end of the record", .conditions) { context in
            let group = try context.name()
            let duration = context.scaled(.seconds(10))
            try await context.put("one", for: "a", in: group, try context.ephemeral(1, for: duration))
            let answer = try await context.engine.put(
                RegistryWrite([], for: "a", lifetime: try context.ephemeral(1), if: .absent), in: group)
            if case .written = answer { throw Inconclusive("the record ran out too early") }
            _ = try await context.answer(upTo: .seconds(12), "the end of a record after a conflict") {
                try await context.other.snapshot(of: group).records.isEmpty ? true : nil
            }
        },
    ]

    static let versionCases: [RegistryCase] = [
        RegistryCase("versions rise with every write of a key, also after removals and expiry", .versions) { context in
            let group = try context.name()
            var last: RegistryRevision?
            for round in 1...context.amount(5, atLeast: 2) {
                for engine in [context.engine, context.other] {
                    let short = try context.ephemeral(1, for: context.scaled(.seconds(5)))
                    for lifetime in [.permanent, try context.ephemeral(2), short] {
                        let record = try await context.put("value", for: "a", in: group, lifetime, on: engine)
                        if let last {
                            try expect(
                                record.version > last,
                                "in round \(round) version \(record.version) followed \(last)")
                        }
                        last = record.version
                    }
                    if round.isMultiple(of: 2) {
                        try await context.pass(.seconds(6))
                    } else {
                        try await context.engine.removeRecord("a", from: group, if: .always)
                    }
                    // The group is gone now, and the version must be remembered all the same.
                    try await context.expectRecords(of: group, [], "after the removal of round \(round)")
                }
            }
        },
        RegistryCase("the revision of a group rises with every change of it", .versions) { context in
            let group = try context.name()
            var last = try await context.engine.snapshot(of: group).revision
            let changes: [(String, @Sendable () async throws -> Void)] = [
                ("a write", { try await context.put("one", for: "a", in: group) }),
                ("the same write again", { try await context.put("one", for: "a", in: group) }),
                ("a write of another key", { try await context.put("two", for: "b", in: group) }),
                ("a removal", { try await context.engine.removeRecord("a", from: group, if: .always) }),
                ("the removal of the last", { try await context.engine.removeRecord("b", from: group, if: .always) }),
                ("a write to an empty group", { try await context.put("three", for: "a", in: group) }),
            ]
            for (what, change) in changes {
                try await change()
                let revision = try await context.other.snapshot(of: group).revision
                try expect(revision > last, "after \(what) the revision went from \(last) to \(revision)")
                last = try await context.engine.snapshot(of: group).revision
                try expect(last >= revision, "without a change the revision fell from \(revision) to \(last)")
            }
            try await context.put(
                "four", for: "a", in: group, try context.ephemeral(1, for: context.scaled(.seconds(5))))
            let owned = try await context.other.snapshot(of: group)
            try expect(
                owned.revision > last, "after an ephemeral write the revision went from \(last) to \(owned.revision)")
            if owned.records.isEmpty { throw Inconclusive("the record ran out too early") }
            try await context.pass(.seconds(6))
            let ended = try await context.other.snapshot(of: group).revision
            try expect(
                ended > owned.revision, "after the end of a record the revision went from \(owned.revision) to \(ended)"
            )
        },
    ]
}
