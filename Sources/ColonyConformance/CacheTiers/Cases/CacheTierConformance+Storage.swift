import ColonyCaches
import ColonyCore

extension CacheTierConformance {
    static let lookupCases: [CacheTierCase] = [
        CacheTierCase("a key that was never stored is absent", .lookup) { context in
            try await context.expectValue(nil, at: try context.key(), "before anything was stored")
        },
        CacheTierCase("what one client has stored is found by every client", .lookup) { context in
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "v")])
            try await context.expectValue("v", at: key, "after a set of the same client")
            try await context.expectValue("v", at: key, on: context.other, "after a set of another client")
        },
        CacheTierCase("answers come in the order of the keys, the absent ones among them", .lookup) { context in
            let keys = try (0..<20).map { try context.key("item-\($0)") }
            let stored = keys.enumerated().filter { $0.offset % 3 != 1 }
            try await context.tier.set(stored.map { CacheWrite($0.element, text: "v\($0.offset)") })
            for order in [Array(keys.enumerated()), keys.enumerated().reversed()] {
                let answers = try await context.other.get(order.map(\.element))
                try expect(answers.count == keys.count, "\(keys.count) keys have \(answers.count) answers")
                for ((number, key), answer) in zip(order, answers) {
                    let expected = number % 3 != 1 ? Array("v\(number)".utf8) : nil
                    try expect(answer?.value == expected, "the answer for \(key) is \(String(describing: answer))")
                }
            }
        },
        CacheTierCase("a key that is asked for twice in one call is answered twice", .lookup) { context in
            let (first, second) = (try context.key("a"), try context.key("b"))
            try await context.tier.set([CacheWrite(first, text: "1")])
            let values = try await context.tier.get([first, second, first, second]).map { $0?.value }
            try expect(values == [[0x31], nil, [0x31], nil], "the answers are \(values)")
        },
        CacheTierCase("a call without keys does nothing", .lookup) { context in
            let answers = try await context.tier.get([])
            try expect(answers.isEmpty, "no key has \(answers.count) answers")
            try await context.tier.set([])
            let count = try await context.tier.delete([])
            try expect(count == 0, "of no keys \(count) were removed")
        },
    ]

    static let storageCases: [CacheTierCase] = [
        CacheTierCase("a later value replaces an earlier one", .storage) { context in
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "a longer value")])
            try await context.other.set([CacheWrite(key, text: "b")])
            try await context.expectValue("b", at: key, "after a second set")
            try await context.expectValue("b", at: key, on: context.other, "after a second set")
        },
        CacheTierCase("of two entries of one key in one call the later one stays", .storage) { context in
            let (key, neighbour) = (try context.key("a"), try context.key("b"))
            try await context.tier.set([
                CacheWrite(key, text: "1"), CacheWrite(neighbour, text: "n"), CacheWrite(key, text: "2"),
            ])
            try await context.expectValue("2", at: key, "after a call that named it twice")
            try await context.expectValue("n", at: neighbour, "after that call")
        },
        CacheTierCase("a set that has returned is seen by every look-up that begins later", .storage) { context in
            let key = try context.key()
            for round in 0..<context.amount(200, atLeast: 20) {
                let (writer, reader) =
                    round.isMultiple(of: 2) ? (context.tier, context.other) : (context.other, context.tier)
                try await writer.set([CacheWrite(key, text: "\(round)")])
                try await context.expectValue("\(round)", at: key, on: reader, "after set number \(round)")
            }
        },
        CacheTierCase("many entries of one call are all stored, and only those", .storage) { context in
            let count = min(100, context.tier.limits.keysPerCall)
            let keys = try (0..<count).map { try context.key("item-\($0)") }
            let neighbour = try context.key("item-")
            try await context.tier.set(keys.enumerated().map { CacheWrite($0.element, text: "v\($0.offset)") })
            let answers = try await context.other.get(keys)
            for (number, answer) in answers.enumerated() {
                try expect(
                    answer?.value == Array("v\(number)".utf8), "\(keys[number]) holds \(String(describing: answer))")
            }
            try await context.expectValue(nil, at: neighbour, "after entries of other keys were stored")
        },
    ]

    static let deletionCases: [CacheTierCase] = [
        CacheTierCase("a removed key is absent for every client, and others stay", .deletion) { context in
            let keys = try (0..<6).map { try context.key("item-\($0)") }
            try await context.tier.set(keys.map { CacheWrite($0, text: "v") })
            let count = try await context.other.delete([keys[1], keys[4]])
            try expect(count == 2, "two keys were there and were removed, and the count is \(count)")
            for tier in [context.tier, context.other] {
                let found = try await tier.get(keys).map { $0 != nil }
                try expect(found == [true, false, true, true, false, true], "after the removal there is \(found)")
            }
        },
        CacheTierCase("only keys that were there are counted", .deletion) { context in
            let (present, absent) = (try context.key("a"), try context.key("b"))
            try await context.tier.set([CacheWrite(present, text: "v")])
            var count = try await context.tier.delete([absent, present])
            try expect(count == 1, "one of two keys was there, and the count is \(count)")
            count = try await context.tier.delete([absent, present])
            try expect(count == 0, "neither key was there any more, and the count is \(count)")
        },
        CacheTierCase("a key that is named twice in one removal counts once", .deletion) { context in
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "v")])
            let count = try await context.tier.delete([key, key])
            try expect(count == 1, "one key was there, and the count is \(count)")
        },
        CacheTierCase("a removed key can be stored again", .deletion) { context in
            let key = try context.key()
            for round in 0..<5 {
                try await context.tier.set([CacheWrite(key, text: "\(round)")])
                try await context.expectValue("\(round)", at: key, on: context.other, "stored again")
                try await context.other.delete([key])
                try await context.expectValue(nil, at: key, "removed again")
            }
        },
    ]
}
