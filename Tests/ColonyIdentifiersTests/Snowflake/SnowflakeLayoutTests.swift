import ColonyCore
import ColonyIdentifiers
import Testing

@Suite struct SnowflakeLayoutTests {
    private static let now = WallTime(millisecondsSince1970: 1_767_225_600_000)

    private static func layout(
        time: Int = 41, datacenter: Int = 5, worker: Int = 5, sequence: Int = 12, tick: Duration = .milliseconds(1),
        epoch: WallTime = WallTime(millisecondsSince1970: 1_704_067_200_000)
    ) throws(IdentifierError) -> SnowflakeLayout {
        try SnowflakeLayout(
            timeBits: time, datacenterBits: datacenter, workerBits: worker, sequenceBits: sequence, tick: tick,
            epoch: epoch, now: Self.now)
    }

    @Test func theClassicPresetIsWhatTheInitialiserMakes() throws {
        #expect(try Self.layout() == .classic)
    }

    @Test(arguments: SnowflakeLayout.presets.map(\.layout))
    func aPresetPassesItsOwnChecks(layout: SnowflakeLayout) throws {
        let again = try SnowflakeLayout(
            timeBits: layout.timeBits, datacenterBits: layout.datacenterBits, workerBits: layout.workerBits,
            sequenceBits: layout.sequenceBits, tick: layout.tick, epoch: layout.epoch, order: layout.order,
            now: Self.now)
        #expect(again == layout)
        #expect(layout.end > Self.now.advanced(by: .seconds(5 * 365 * 86_400)))
    }

    @Test func theJavaScriptSafePresetHas53Bits() {
        #expect(SnowflakeLayout.javaScriptSafe.totalBits == 53)
        #expect(SnowflakeLayout.javaScriptSafe.isJavaScriptSafe)
        #expect(!SnowflakeLayout.classic.isJavaScriptSafe)
    }

    @Test func moreThan63BitsAreRefusedWithTheSum() {
        let error = #expect(throws: IdentifierError.self) { try Self.layout(time: 42) }
        #expect(error?.code == .invalidLayout)
        #expect(error?.message.contains("42 + 5 + 5 + 12 = 64") == true)
    }

    @Test func anEpochInTheFutureIsRefused() {
        let error = #expect(throws: IdentifierError.self) {
            try Self.layout(epoch: Self.now.advanced(by: .milliseconds(1)))
        }
        #expect(error?.code == .invalidLayout)
        #expect(error?.message.contains("future") == true)
    }

    @Test(arguments: [
        (0, 5, 5, 12), (63, 0, 0, 0), (-1, 5, 5, 12), (41, -1, 5, 12), (41, 5, 32, 0), (20, 16, 16, 1),
    ])
    func impossibleSharesAreRefused(bits: (Int, Int, Int, Int)) {
        let error = #expect(throws: IdentifierError.self) {
            try Self.layout(time: bits.0, datacenter: bits.1, worker: bits.2, sequence: bits.3)
        }
        #expect(error?.code == .invalidLayout)
    }

    @Test(arguments: [Duration.zero, .milliseconds(-1), .microseconds(1_500), .seconds(3_601)])
    func impossibleTicksAreRefused(tick: Duration) {
        let error = #expect(throws: IdentifierError.self) { try Self.layout(tick: tick) }
        #expect(error?.code == .invalidLayout)
        #expect(error?.message.contains("\(tick)") == true)
    }

    @Test(arguments: SnowflakeLayout.presets.map(\.layout))
    func everyPartComesBackFromTheIdentifier(layout: SnowflakeLayout) throws {
        let lastTick = Int64(1) << Int64(layout.timeBits) - 1
        for tick in [0, 1, 12_345, lastTick] {
            for datacenter in [0, layout.datacenters.upperBound] {
                for worker in [0, layout.workers.upperBound / 2, layout.workers.upperBound] {
                    for sequence in [0, 1, layout.idsPerTick - 1] {
                        let id = try layout.compose(
                            tick: tick, datacenter: datacenter, worker: worker, sequence: sequence)
                        let parts = try layout.parse(id)
                        #expect(parts.tick == tick)
                        #expect(parts.datacenter == datacenter)
                        #expect(parts.worker == worker)
                        #expect(parts.sequence == sequence)
                        #expect(
                            parts.time.millisecondsSince1970
                                == layout.epoch.millisecondsSince1970 + tick * layout.tickMilliseconds)
                    }
                }
            }
        }
    }

    /// An identifier of Twitter's, with Twitter's epoch: the announcement of Snowflake's own account is from that time.
    @Test func anIdentifierOfTwitterIsRead() throws {
        let twitter = try Self.layout(epoch: WallTime(millisecondsSince1970: 1_288_834_974_657))
        // 1541815603606036480 is the example of the article on Snowflake identifiers in Wikipedia, 2022-06-28.
        let parts = try twitter.parse(SnowflakeID(rawValue: 1_541_815_603_606_036_480))
        #expect(parts.time.millisecondsSince1970 == 1_656_432_460_105)
        #expect(parts.datacenter << 5 | parts.worker == 378)
        #expect(parts.sequence == 0)
    }

    @Test(arguments: [Int64(-1), .min, 1 << 53])
    func aNumberBeyondTheLayoutIsMalformed(number: Int64) {
        let error = #expect(throws: IdentifierError.self) {
            try SnowflakeLayout.javaScriptSafe.parse(SnowflakeID(rawValue: number))
        }
        #expect(error?.code == .malformedID)
        #expect(error?.message.contains("\(number)") == true)
    }

    @Test func schemesDifferWhereverLayoutsDo() throws {
        let layouts = [
            SnowflakeLayout.classic, .sonyflake, .baidu, .javaScriptSafe, try Self.layout(time: 40),
            try Self.layout(datacenter: 4, worker: 6), try Self.layout(tick: .milliseconds(2)),
            try Self.layout(epoch: WallTime(millisecondsSince1970: 1_704_067_200_001)),
            try SnowflakeLayout(
                timeBits: 41, datacenterBits: 5, workerBits: 5, sequenceBits: 12,
                epoch: SnowflakeLayout.classic.epoch, order: .sequenceThenWorker, now: Self.now),
        ]
        #expect(Set(layouts.map(\.scheme)).count == layouts.count)
    }
}
