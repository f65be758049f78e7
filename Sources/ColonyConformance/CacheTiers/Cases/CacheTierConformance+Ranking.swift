import ColonyCaches
import ColonyCore

extension CacheTierConformance {
    /// What a tier promises that compares ranks. Not among ``cases``, because it is a power that a tier need not have.
    public static let rankingCases: [CacheTierCase] = [
        CacheTierCase("the higher rank stays, whichever comes first", .comparison) { context in
            let tier = try Self.ranking(context.tier)
            let (rising, falling) = (try context.key("rising"), try context.key("falling"))
            try await Self.raise([Self.entry(rising, 1), Self.entry(falling, 1 << 63)], tier, expecting: [nil, nil])
            try await Self.raise(
                [Self.entry(rising, 1 << 63), Self.entry(falling, 1)], tier, expecting: [nil, 1 << 63])
            try await Self.expectRanks([1 << 63, 1 << 63], [rising, falling], try Self.ranking(context.other))
        },
        CacheTierCase("ranks are compared as numbers of 64 bits, whatever their bytes are", .comparison) { context in
            let tier = try Self.ranking(context.tier)
            let key = try context.key()
            // Bytes below and above 0x80, zeros, and numbers that differ beyond the 53 bits of a double.
            let ranks: [UInt64] = [
                0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF_FFFF, 0x1_0000_0000, 0x20_0000_0000_0000, 0x20_0000_0000_0001,
                0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, .max - 1, .max,
            ]
            for (index, rank) in ranks.enumerated() {
                try await Self.raise([Self.entry(key, rank)], tier, expecting: [nil])
                for lower in ranks[...index] {
                    try await Self.raise([Self.entry(key, lower)], tier, expecting: [rank])
                }
            }
        },
        CacheTierCase("what has no rank stays, and is told", .comparison) { context in
            let tier = try Self.ranking(context.tier)
            let (text, empty, short) = (try context.key("text"), try context.key("empty"), try context.key("short"))
            let values: [[UInt8]] = [Array("hello, world, hello".utf8), [], Array("ra".utf8) + [0, 0, 0]]
            try await context.other.set(zip([text, empty, short], values).map { CacheWrite($0, $1) })
            let outcomes = try await tier.raise([text, empty, short].map { Self.entry($0, .max) }, by: Self.order)
            for (outcome, value) in zip(outcomes, values) {
                guard case .held(let held) = try outcome.get() else {
                    throw ConformanceFailure("a value without a rank was replaced: \(value)")
                }
                try expect(held.value == value, "what is there was told as \(held.value), and is \(value)")
            }
            let ranks = try await tier.ranks(of: [text, short], by: Self.order).map { try $0.get() }
            try expect(ranks == [.unranked, .unranked], "values without a rank have \(ranks)")
        },
        CacheTierCase("what is held has a version that a comparison takes", .comparison) { context in
            let tier = try Self.ranking(context.tier)
            let key = try context.key()
            try await Self.raise([Self.entry(key, 2)], tier, expecting: [nil])
            guard case .held(let held) = try await tier.raise([Self.entry(key, 2)], by: Self.order)[0].get() else {
                throw ConformanceFailure("an entry of the same rank was stored")
            }
            let outcome = try await tier.compareAndSet(Self.entry(key, 1), expecting: held.version)
            guard case .stored = outcome else { throw ConformanceFailure("the version was refused: \(outcome)") }
            try await Self.expectRanks([1], [key], tier)
        },
        CacheTierCase("a ranked entry ends when its time is over, and one without a time does not", .expiry) {
            context in
            let tier = try Self.ranking(context.tier)
            let (short, kept) = (try context.key("short"), try context.key("kept"))
            let time = context.scaled(.seconds(5))
            try await Self.raise(
                [Self.entry(short, 1), Self.entry(kept, 1, for: time)], tier, expecting: [nil, nil])
            try await Self.raise([Self.entry(short, 2, for: time), Self.entry(kept, 2)], tier, expecting: [nil, nil])
            try await context.outlive(.seconds(5))
            let ranks = try await tier.ranks(of: [short, kept], by: Self.order).map { try $0.get() }
            try expect(ranks == [.nothing, .rank(2)], "after the time of one of two entries there are \(ranks)")
            let values = try await tier.values(of: [short, kept])
            try expect(values == [nil, Self.entry(kept, 2).value], "and the values \(values)")
        },
        CacheTierCase("a key that comes twice in a call is compared twice, in order", .comparison) { context in
            let tier = try Self.ranking(context.tier)
            let (key, timed) = (try context.key("twice"), try context.key("timed"))
            try await Self.raise([Self.entry(key, 1), Self.entry(timed, 1)], tier, expecting: [nil, nil])
            let long: Duration = .seconds(3_600)
            try await Self.raise(
                [
                    Self.entry(key, 4), Self.entry(key, 3), Self.entry(key, 5), Self.entry(key, 5),
                    Self.entry(timed, 2), Self.entry(timed, 3, for: long), Self.entry(timed, 4),
                    Self.entry(timed, 3, for: long),
                ], tier, expecting: [nil, 4, nil, 5, nil, nil, nil, 4])
            try await Self.expectRanks([5, 4], [key, timed], tier)
        },
        CacheTierCase("large values are compared like small ones, also beside them", .comparison) { context in
            let tier = try Self.ranking(context.tier)
            let keys = try (0..<60).map { try context.key("item-\($0)") }
            func entry(_ index: Int, _ rank: UInt64, large: Bool) -> CacheWrite {
                let small = Self.entry(keys[index], rank)
                return large ? CacheWrite(small.key, small.value + [UInt8](repeating: 7, count: 20_000)) : small
            }
            // Small ones where nothing is, large ones over them, small ones over those, and some of each.
            for (rank, size) in [(UInt64(1), 0), (3, 1), (5, 0), (7, 2), (9, 2), (11, 1)] {
                let entries = keys.indices.map { index in
                    entry(
                        index, rank, large: size == 1 || (size == 2 && (index / 20 + Int(rank / 2)).isMultiple(of: 2)))
                }
                try await Self.raise(entries, tier, expecting: keys.map { _ in nil })
                try await Self.raise(
                    keys.indices.map { entry($0, rank - 1, large: $0.isMultiple(of: 30)) }, tier,
                    expecting: keys.map { _ in rank })
                let values = try await tier.values(of: keys)
                try expect(values == entries.map(\.value), "the values of rank \(rank) are not as they were written")
            }
        },
        CacheTierCase("the mark is the highest rank that was ever raised, whatever became of it", .comparison) {
            context in
            let tier = try Self.ranking(context.tier)
            guard tier.keepsMarks else { return }
            let (one, other, mark) = (try context.key("one"), try context.key("other"), try context.key("mark"))
            let order = EntryRanking(prefixes: Self.order.prefixes, mark: mark)
            func expectMark(_ expected: EntryRank) async throws {
                let found = try await Self.ranking(context.other).ranks(of: [mark], by: order)[0].get()
                try expect(found == expected, "the mark is \(found) and not \(expected)")
            }
            try await expectMark(.nothing)
            for (first, second, highest) in [
                (UInt64(5), UInt64(2), UInt64(5)), (1, 3, 5), (5, 1 << 63, 1 << 63), (.max, 7, .max),
            ] {
                _ = try await tier.raise([Self.entry(one, first), Self.entry(other, second)], by: order)
                try await expectMark(.rank(highest))
            }
            // A call with other keys and none stored.
            try await context.other.set([CacheWrite(mark, order.markValue(7))])
            _ = try await tier.raise([Self.entry(one, 9)], by: order)
            try await expectMark(.rank(9))
            var refusal: CacheError?
            do throws(CacheError) {
                _ = try await tier.raise([Self.entry(mark, 20)], by: order)
            } catch {
                refusal = error
            }
            try expect(refusal?.code == .invalidRequest, "to write the mark itself ended with \(refusal as Any)")
        },
        CacheTierCase("what another program keeps under the mark stays, and nothing else is kept from it", .comparison)
        {
            context in
            let tier = try Self.ranking(context.tier)
            guard tier.keepsMarks else { return }
            let (key, mark) = (try context.key("key"), try context.key("mark"))
            let order = EntryRanking(prefixes: Self.order.prefixes, mark: mark)
            let foreign = Array("not a mark, not a mark".utf8)
            try await context.other.set([CacheWrite(mark, foreign)])
            _ = try await tier.raise([Self.entry(key, 9)], by: order)
            try await Self.expectRanks([9], [key], tier)
            let found = try await tier.ranks(of: [mark], by: order)[0].get()
            try expect(found == .unranked, "the mark is \(found)")
            let held = try await context.other.get([mark])[0]?.value
            try expect(held == foreign, "what lay under the mark became \(held ?? [])")
        },
        CacheTierCase("of many writers the one with the highest rank stays, and ranks only rise", .contention) {
            context in
            let tier = try Self.ranking(context.tier)
            let other = try Self.ranking(context.other)
            let keys = try (0..<150).map { try context.key("item-\($0)") }
            let rounds = UInt64(context.amount(40, atLeast: 8))
            let writers = (UInt64(0)..<4).map { writer in
                context.start {
                    for round in 1...rounds {
                        let client = writer.isMultiple(of: 2) ? tier : other
                        for outcome in try await client.raise(
                            keys.map { Self.entry($0, round * 4 + writer) }, by: Self.order)
                        {
                            if case .held(let held) = try outcome.get() {
                                let rank = Self.order.rank(of: held.value) ?? 0
                                try expect(rank > round * 4 + writer, "\(rank) was held against a higher rank")
                            }
                        }
                    }
                }
            }
            for writer in writers {
                guard let result = await writer.outcome(within: context.harness.patience) else {
                    throw ConformanceFailure("a writer did not end")
                }
                try result.get()
            }
            try await Self.expectRanks(keys.map { _ in rounds * 4 + 3 }, keys, tier)
        },
    ]

    private static let order = EntryRanking(prefixes: [Array("ra".utf8), Array("rb".utf8)])

    private static func ranking(_ tier: any CacheTier) throws -> any RankingTier {
        try require(tier as? any RankingTier, "the tier does not compare ranks")
    }

    private static func entry(_ key: CacheKey, _ rank: UInt64, for time: Duration? = nil) -> CacheWrite {
        let prefix = Array((rank.isMultiple(of: 2) ? "ra" : "rb").utf8)
        let bytes = withUnsafeBytes(of: rank.bigEndian) { Array($0) }
        return CacheWrite(key, prefix + bytes + Array("value".utf8), timeToLive: time)
    }

    /// - Parameter expected: The rank that is held against each entry; nothing where it is stored.
    private static func raise(
        _ entries: [CacheWrite], _ tier: any RankingTier, expecting expected: [UInt64?]
    ) async throws {
        let outcomes = try await tier.raise(entries, by: Self.order)
        let held = try outcomes.map { outcome -> UInt64? in
            switch try outcome.get() {
            case .stored: nil
            case .held(let held): Self.order.rank(of: held.value)
            }
        }
        try expect(held == expected, "held against the entries were \(held) and not \(expected)")
    }

    private static func expectRanks(_ expected: [UInt64], _ keys: [CacheKey], _ tier: any RankingTier) async throws {
        let ranks = try await tier.ranks(of: keys, by: Self.order).map { try $0.get() }
        try expect(
            ranks == expected.map { .rank($0) }, "the ranks are \(ranks.prefix(3)) and not \(expected.prefix(3))")
        let values = try await tier.values(of: keys)
        try expect(
            values.map { $0.flatMap { Self.order.rank(of: $0) } } == expected, "the values have other ranks than these")
    }
}
