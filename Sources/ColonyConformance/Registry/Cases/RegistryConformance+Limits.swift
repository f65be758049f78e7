import ColonyCoordination
import ColonyCore

extension RegistryConformance {
    private static let illegalDurations: [Duration] = [
        .zero, .seconds(-1), .milliseconds(9), .seconds(86_400) + .nanoseconds(1), .seconds(Int64.max),
    ]

    /// What is bound to be confused by a store that makes paths, patterns, or characters of names.
    private static let odd = [
        "caf\u{E9}", "cafe\u{301}", "A", "a", "a ", " a", "\u{212B}", "\u{C5}", "a'b", "a\"b", "a\\b", "%", "%25",
        "%2F",
        "/", "//", "a/b", "a/", "/a", "a%2Fb", "../x", "x/..", "..", ".", "?", "#", "a:b", "{a}", "*", "_", "a_b", "0",
        "日本語", "👩‍👩‍👧‍👦", "\u{10FFFD}", "null",
    ]

    static let nameCases: [RegistryCase] = [
        RegistryCase("keys differ by their bytes, whatever they hold", .names) { context in
            let group = try context.name()
            let stem = String(repeating: "n", count: 254)
            let texts = Self.odd + [stem, stem + "a", stem + "b", String(repeating: "é", count: 127)]
            var records: [RegistryRecord] = []
            for (number, text) in texts.enumerated() {
                let engine = number.isMultiple(of: 2) ? context.engine : context.other
                let lifetime: RegistryWrite.Lifetime =
                    number.isMultiple(of: 3) ? try context.ephemeral(number) : .permanent
                records.append(
                    try await context.put("\(number)", for: try LeaseName(text), in: group, lifetime, on: engine))
            }
            records.sort { $0.key < $1.key }
            try await context.expectRecords(of: group, records, "after \(texts.count) keys were written")
            while let record = records.popLast() {
                try expect(
                    try await context.other.removeRecord(record.key, from: group, if: .version(record.version)),
                    "\(record.key) could not be removed")
                try await context.expectRecords(of: group, records, "after the removal of \(record.key)")
            }
        },
        RegistryCase("groups differ by their bytes, whatever they hold", .names) { context in
            let room = 255 - context.prefix.utf8.count
            let stem = String(repeating: "n", count: room - 1)
            let texts = Self.odd + [stem, stem + "a", stem + "b", String(repeating: "é", count: room / 2)]
            var records: [(LeaseName, RegistryRecord)] = []
            for (number, text) in texts.enumerated() {
                let group = try context.name(text)
                records.append((group, try await context.put("\(number)", for: "b", in: group)))
            }
            for (group, record) in records {
                try await context.expectRecords(of: group, [record], "after \(texts.count) groups were written")
            }
            for (group, _) in records {
                try expect(
                    try await context.other.removeRecord("b", from: group, if: .always),
                    "the record of \(group) could not be removed")
            }
        },
        RegistryCase("owners differ by their bytes", .names) { context in
            let group = try context.name()
            let owners = try ["caf\u{E9}", "cafe\u{301}", "a", "A"].map { try OwnerID(context.prefix + $0) }
            for (index, owner) in owners.enumerated() {
                let lifetime = RegistryWrite.Lifetime.ephemeral(owner: owner, duration: context.ample)
                let record = try await context.put("value", for: "a", in: group, lifetime)
                for (number, stranger) in owners.enumerated() where number != index {
                    try expect(
                        try await !context.other.renewRecord("a", in: group, owner: stranger, for: context.ample),
                        "\(stranger) renewed the record of \(owner)")
                    try expect(
                        try await !context.other.removeRecord("a", from: group, if: .owner(stranger)),
                        "\(stranger) removed the record of \(owner)")
                }
                try await context.expectRecords(of: group, [record], "after attempts of strangers")
            }
        },
        RegistryCase("groups, leases, and permits of one name do not meet", .names) { context in
            let name = try context.name()
            let record = try await context.put("value", for: name, in: name, try context.ephemeral(1))
            try expect(try await context.other.inspect(name) == nil, "a group is shown as a lease")
            let answer = try await context.other.tryAcquire(name, owner: try context.owner(1), for: context.ample)
            let lease = try require(answer.lease, "a group stands in the way of a lease of its name")
            if let permits = context.engine as? any PermitEngine {
                let request = PermitRequest(1, of: name, limit: 1, owner: lease.owner, for: context.ample)
                let held = try require(
                    try await permits.takePermits(request).lease, "a group stands in the way of permits of its name")
                try await context.expectRecords(of: name, [record], "after permits of the same name were taken")
                try await permits.returnPermits(name, owner: held.owner, token: nil)
            }
            try await context.expectRecords(of: name, [record], "after a lease of the same name was taken")
            _ = try await context.engine.release(name, owner: lease.owner, token: lease.token)
            try await context.expectRecords(of: name, [record], "after a lease of the same name was released")
            _ = try await context.engine.tryAcquire(name, owner: lease.owner, for: context.ample)
            try await context.engine.removeRecord(name, from: name, if: .always)
            try expect(
                try await context.engine.release(name, owner: lease.owner, token: nil),
                "the removal of a record ended a lease")
        },
    ]

    static let limitCases: [RegistryCase] = [
        RegistryCase("a value of the greatest size is kept, and a greater one refused", .limits) { context in
            let group = try context.name()
            let largest = (0..<RegistryLimits.value).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 251) }
            guard case .written = try await context.engine.put(RegistryWrite(largest, for: "a"), in: group) else {
                throw ConformanceFailure("a value of \(largest.count) bytes was not written")
            }
            let before = try await context.other.snapshot(of: group)
            try expect(
                before["a"]?.value == largest, "a value of \(largest.count) bytes was not read as it was written")
            for key in ["a", "b"] as [LeaseName] {
                try await context.expectRefusal(.invalidRequest, "a value of \(largest.count + 1) bytes") {
                    _ = try await context.engine.put(RegistryWrite(largest + [0], for: key), in: group)
                }
            }
            try await context.expectRecords(of: group, before.records, "after values that were too large")
        },
        RegistryCase("an impossible duration is refused and does nothing", .limits) { context in
            let group = try context.name()
            let owner = try context.owner(1)
            let record = try await context.put("value", for: "a", in: group, try context.ephemeral(1))
            for duration in Self.illegalDurations {
                for key in ["a", "b"] as [LeaseName] {
                    let write = RegistryWrite([], for: key, lifetime: .ephemeral(owner: owner, duration: duration))
                    try await context.expectRefusal(.invalidRequest, "a record for \(duration)") {
                        _ = try await context.engine.put(write, in: group)
                    }
                }
                try await context.expectRefusal(.invalidRequest, "a renewal for \(duration)") {
                    _ = try await context.engine.renewRecord("a", in: group, owner: owner, for: duration)
                }
            }
            try await context.expectRecords(of: group, [record], "after impossible durations")
        },
        RegistryCase("a full group refuses one record more, and takes it when there is room", .limits) { context in
            let group = try context.name()
            let keys = try (0..<RegistryLimits.records).map { try LeaseName("record-\($0)") }
            try await context.concurrently(keys) { engine, key in
                _ = try await engine.put(RegistryWrite([1], for: key), in: group)
            }
            for condition in [.always, .absent] as [RegistryCondition] {
                let write = RegistryWrite([1], for: "one more", if: condition)
                try await context.expectRefusal(.invalidRequest, "record \(keys.count + 1)") {
                    _ = try await context.other.put(write, in: group)
                }
            }
            try await context.conflict(for: keys[0], in: group, if: .absent)
            try await context.put("replaced", for: keys[0], in: group)
            let count = try await context.other.snapshot(of: group).records.count
            try expect(count == keys.count, "\(keys.count) records were written, and \(count) are in the group")
            try await context.engine.removeRecord(keys[1], from: group, if: .always)
            try await context.put("fits", for: "one more", in: group)
        },
    ]
}
