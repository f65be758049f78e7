import ColonyCoordination
import ColonyCore

extension RegistryConformance {
    static let expiryCases: [RegistryCase] = [
        RegistryCase("an ephemeral record runs out, and not earlier", .expiry) { context in
            let group = try context.name()
            let kept = try await context.put("kept", for: "b", in: group)
            let owned = try await context.put("owned", for: "c", in: group, try context.ephemeral(2))
            let duration = context.scaled(.seconds(10))
            let before = context.now
            try await context.put("short", for: "a", in: group, try context.ephemeral(1, for: duration))
            let (_, end) = try await context.answer(upTo: .seconds(20), "the end of a record") {
                try await context.other.snapshot(of: group)["a"] == nil ? true : nil
            }
            try expect(
                end >= before.advanced(by: duration),
                "a record for \(duration.text) was gone after \(before.duration(to: end).text)")
            try await context.expectRecords(of: group, [kept, owned], "after one of three records had run out")
        },
        RegistryCase("a permanent record does not run out", .expiry) { context in
            let group = try context.name()
            let record = try await context.put("kept", for: "a", in: group)
            try await context.pass(.seconds(60))
            try await context.expectRecords(of: group, [record], "after a long time")
        },
        RegistryCase("what has run out is not there for anybody", .expiry) { context in
            let group = try context.name()
            let owner = try context.owner(1)
            let record = try await context.put(
                "short", for: "a", in: group, try context.ephemeral(1, for: context.scaled(.seconds(5))))
            try await context.pass(.seconds(6))
            try expect(
                try await !context.engine.renewRecord("a", in: group, owner: owner, for: context.ample),
                "a record that had run out was renewed")
            for condition in [.always, .owner(owner), .version(record.version)] as [RegistryCondition] {
                try expect(
                    try await !context.other.removeRecord("a", from: group, if: condition),
                    "a record that had run out was removed under \(condition)")
            }
            try await context.conflict(with: nil, for: "a", in: group, if: .version(record.version))
            try await context.expectRecords(of: group, [], "after a record had run out")
        },
    ]

    static let renewalCases: [RegistryCase] = [
        RegistryCase("a renewal extends the record and leaves it as it is", .renewal) { context in
            let group = try context.name()
            let owner = try context.owner(1)
            let asked = context.now
            let short = context.scaled(.seconds(10))
            let record = try await context.put("value", for: "a", in: group, try context.ephemeral(1, for: short))
            let before = context.now
            let long = context.scaled(.seconds(30))
            guard try await context.other.renewRecord("a", in: group, owner: owner, for: long) else {
                try expect(context.now >= asked.advanced(by: short), "a record could not be renewed by its owner")
                throw Inconclusive("the record ran out before it could be renewed")
            }
            let found = try await context.engine.snapshot(of: group)["a"]
            try expect(
                found == record || context.now >= before.advanced(by: long),
                "a renewal changed \(record) to \(String(describing: found))")
            let (_, end) = try await context.answer(upTo: .seconds(40), "the end of a renewed record") {
                try await context.other.snapshot(of: group).records.isEmpty ? true : nil
            }
            try expect(
                end >= before.advanced(by: long),
                "a record renewed for \(long.text) was gone after \(before.duration(to: end).text)")
        },
        RegistryCase("only the owner renews, and only what has an end", .renewal) { context in
            let group = try context.name()
            let owned = try await context.put("owned", for: "a", in: group, try context.ephemeral(1))
            let permanent = try await context.put("permanent", for: "b", in: group)
            let attempts: [(LeaseName, Int)] = [("a", 2), ("b", 1), ("c", 1)]
            for (key, number) in attempts {
                for engine in [context.engine, context.other] {
                    try expect(
                        try await !engine.renewRecord(
                            key, in: group, owner: try context.owner(number), for: context.ample),
                        "owner \(number) renewed \(key)")
                }
            }
            try await context.expectRecords(of: group, [owned, permanent], "after refused renewals")
        },
        RegistryCase("a renewal brings nothing back and gives nobody's record away", .renewal) { context in
            let group = try context.name()
            let owner = try context.owner(1)
            try await context.put("one", for: "a", in: group, try context.ephemeral(1))
            try await context.engine.removeRecord("a", from: group, if: .always)
            try expect(
                try await !context.other.renewRecord("a", in: group, owner: owner, for: context.ample),
                "what was removed was renewed")
            try await context.expectRecords(of: group, [], "after a refused renewal")
            try await context.put("one", for: "a", in: group, try context.ephemeral(1))
            let taken = try await context.put("two", for: "a", in: group, try context.ephemeral(2))
            try expect(
                try await !context.other.renewRecord("a", in: group, owner: owner, for: context.ample),
                "a record was renewed by its former owner")
            try await context.expectRecords(of: group, [taken], "after a refused renewal")
        },
        RegistryCase("a renewal of one record extends no other", .renewal) { context in
            let group = try context.name()
            let owner = try context.owner(1)
            let kept = try await context.put("kept", for: "a", in: group, try context.ephemeral(1))
            try await context.put(
                "short", for: "b", in: group, try context.ephemeral(1, for: context.scaled(.seconds(8))))
            try expect(
                try await context.engine.renewRecord("a", in: group, owner: owner, for: context.ample),
                "a record could not be renewed by its owner")
            try await context.pass(.seconds(9))
            try await context.expectRecords(of: group, [kept], "after one of an owner's two records had run out")
        },
    ]

    static let removalCases: [RegistryCase] = [
        RegistryCase("a removal is true once", .removal) { context in
            let group = try context.name()
            let kept = try await context.put("kept", for: "b", in: group)
            for lifetime in [.permanent, try context.ephemeral(1)] {
                try await context.put("value", for: "a", in: group, lifetime)
                try expect(
                    try await context.other.removeRecord("a", from: group, if: .always), "a record was not removed")
                for engine in [context.engine, context.other] {
                    try expect(
                        try await !engine.removeRecord("a", from: group, if: .always), "a record was removed twice")
                }
                try await context.expectRecords(of: group, [kept], "after a removal")
            }
        },
        RegistryCase("a removal under a version needs exactly this version", .removal) { context in
            let group = try context.name()
            let old = try await context.put("one", for: "a", in: group)
            let new = try await context.put("two", for: "a", in: group)
            try expect(
                try await !context.other.removeRecord("a", from: group, if: .version(old.version)),
                "an earlier version was removed")
            try await context.expectRecords(of: group, [new], "after a refused removal")
            try expect(
                try await context.other.removeRecord("a", from: group, if: .version(new.version)),
                "the present version was not removed")
            try await context.expectRecords(of: group, [], "after the removal")
        },
        RegistryCase("a removal under an owner needs this owner", .removal) { context in
            let group = try context.name()
            let owned = try await context.put("owned", for: "a", in: group, try context.ephemeral(1))
            let permanent = try await context.put("permanent", for: "b", in: group)
            for (key, number) in [(LeaseName("a"), 2), (LeaseName("b"), 1)] {
                try expect(
                    try await !context.other.removeRecord(key, from: group, if: .owner(try context.owner(number))),
                    "owner \(number) removed \(key)")
            }
            try await context.expectRecords(of: group, [owned, permanent], "after refused removals")
            try expect(
                try await context.other.removeRecord("a", from: group, if: .owner(try context.owner(1))),
                "the owner could not remove its record")
            try await context.expectRecords(of: group, [permanent], "after the removal")
        },
        RegistryCase("a removal under absent removes nothing", .removal) { context in
            let group = try context.name()
            let record = try await context.put("one", for: "a", in: group)
            for key in ["a", "b"] as [LeaseName] {
                try expect(
                    try await !context.engine.removeRecord(key, from: group, if: .absent),
                    "\(key) was removed under the condition that it is absent")
            }
            try await context.expectRecords(of: group, [record], "after refused removals")
        },
    ]
}
