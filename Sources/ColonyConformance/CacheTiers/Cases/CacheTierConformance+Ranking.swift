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
