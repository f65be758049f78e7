public import ColonyCore

/// How the bits of a Snowflake identifier are shared out, and what its time counts from.
///
/// Every node that issues into one namespace must use the same layout: two layouts give the same number to different
/// events. A layout is checked when it is made, so whoever has one has a layout that works.
///
/// | Preset | Time | Datacenter | Worker | Sequence | Tick | Ids a second and worker | Lasts |
/// | --- | --- | --- | --- | --- | --- | --- | --- |
/// | ``classic`` | 41 | 5 | 5 | 12 | 1 ms | 4,096,000 | 69 years |
/// | ``sonyflake`` | 39 | 0 | 16 | 8 | 10 ms | 25,600 | 174 years |
/// | ``baidu`` | 28 | 0 | 22 | 13 | 1 s | 8,192 | 8 years |
/// | ``javaScriptSafe`` | 37 | 0 | 6 | 10 | 10 ms | 102,400 | 43 years |
///
/// - SeeAlso: Twitter, *Snowflake* (archived source, 2010); Sony, *Sonyflake*; Baidu, *UidGenerator*.
public struct SnowflakeLayout: Hashable, Sendable {
    /// Which field stands next to the time. It changes nothing about uniqueness, only what neighbouring ids look like.
    public enum FieldOrder: String, Hashable, Sendable, Codable, CaseIterable {
        /// Time, datacenter, worker, sequence: Twitter and most of its heirs.
        case workerThenSequence = "worker-first"
        /// Time, sequence, datacenter, worker: Sonyflake. The ids of one tick are ordered by sequence across workers.
        case sequenceThenWorker = "sequence-first"
    }

    /// Bits of the count of ticks since the epoch.
    public let timeBits: Int
    /// Bits of the datacenter number.
    public let datacenterBits: Int
    /// Bits of the worker number.
    public let workerBits: Int
    /// Bits of the number within a tick.
    public let sequenceBits: Int
    /// The unit of time in milliseconds.
    public let tickMilliseconds: Int64
    /// The moment that the time counts from.
    public let epoch: WallTime
    /// The order of the fields below the time.
    public let order: FieldOrder

    /// Checks and makes a layout.
    ///
    /// - Parameters:
    ///   - timeBits: From 1 to 62.
    ///   - datacenterBits: From 0 up.
    ///   - workerBits: From 0 up; with `datacenterBits` at most 31.
    ///   - sequenceBits: From 0 to 31.
    ///   - tick: Whole milliseconds, from 1 ms to 1 hour.
    ///   - epoch: Not after `now`, and not before 1970.
    ///   - now: What the epoch is compared with.
    /// - Throws: ``IdentifierError/Code/invalidLayout``, with the sum or the value that is wrong. All fields together have
    ///   at most 63 bits, so that an identifier is a positive `Int64` on every platform and in every database.
    public init(
        timeBits: Int, datacenterBits: Int = 0, workerBits: Int, sequenceBits: Int,
        tick: Duration = .milliseconds(1), epoch: WallTime, order: FieldOrder = .workerThenSequence,
        now: WallTime = SystemWallClock().now
    ) throws(IdentifierError) {
        func refuse(_ reason: String) -> IdentifierError { IdentifierError(.invalidLayout, reason) }
        guard (1...62).contains(timeBits) else {
            throw refuse("a layout with \(timeBits) bits of time is not possible: from 1 to 62")
        }
        guard (0...31).contains(datacenterBits), (0...31).contains(workerBits), (0...31).contains(sequenceBits) else {
            throw refuse(
                "a layout with \(datacenterBits) bits of datacenter, \(workerBits) of worker, and \(sequenceBits) of "
                    + "sequence is not possible: each from 0 to 31")
        }
        guard datacenterBits + workerBits <= 31 else {
            throw refuse("datacenter and worker have \(datacenterBits + workerBits) bits together, and 31 are the most")
        }
        let total = timeBits + datacenterBits + workerBits + sequenceBits
        guard total <= 63 else {
            throw refuse(
                "the fields have \(timeBits) + \(datacenterBits) + \(workerBits) + \(sequenceBits) = \(total) bits, and "
                    + "63 are the most")
        }
        let milliseconds = tick.clampedMilliseconds
        guard (1...3_600_000).contains(milliseconds), tick == .milliseconds(milliseconds) else {
            throw refuse("a tick of \(tick) is not possible: whole milliseconds, from 1 ms to 1 hour")
        }
        guard epoch.millisecondsSince1970 >= 0 else {
            throw refuse("the epoch, \(epoch), lies before 1970")
        }
        guard epoch <= now else {
            throw refuse("the epoch, \(epoch), lies in the future: it is now \(now)")
        }
        self.init(
            uncheckedTimeBits: timeBits, datacenterBits: datacenterBits, workerBits: workerBits,
            sequenceBits: sequenceBits, tickMilliseconds: milliseconds, epoch: epoch, order: order)
    }

    private init(
        uncheckedTimeBits timeBits: Int, datacenterBits: Int, workerBits: Int, sequenceBits: Int,
        tickMilliseconds: Int64, epoch: WallTime, order: FieldOrder
    ) {
        self.timeBits = timeBits
        self.datacenterBits = datacenterBits
        self.workerBits = workerBits
        self.sequenceBits = sequenceBits
        self.tickMilliseconds = tickMilliseconds
        self.epoch = epoch
        self.order = order
    }
}

// MARK: Presets

extension SnowflakeLayout {
    /// 41 bits of milliseconds, 5 of datacenter, 5 of worker, 12 of sequence, from 2024-01-01: Twitter's shares.
    public static let classic = SnowflakeLayout(
        uncheckedTimeBits: 41, datacenterBits: 5, workerBits: 5, sequenceBits: 12, tickMilliseconds: 1,
        epoch: .startOf2024, order: .workerThenSequence)

    /// 39 bits of 10 milliseconds, 8 of sequence, 16 of worker, from 2014-09-01: the numbers of Sonyflake's default.
    public static let sonyflake = SnowflakeLayout(
        uncheckedTimeBits: 39, datacenterBits: 0, workerBits: 16, sequenceBits: 8, tickMilliseconds: 10,
        epoch: WallTime(millisecondsSince1970: 1_409_529_600_000), order: .sequenceThenWorker)

    /// 28 bits of seconds, 22 of worker, 13 of sequence: Baidu's shares for worker numbers that are used once each.
    ///
    /// Baidu's own epoch, 2016-05-20, ran out in November 2024; this one counts from 2024-01-01 and lasts until July 2032.
    public static let baidu = SnowflakeLayout(
        uncheckedTimeBits: 28, datacenterBits: 0, workerBits: 22, sequenceBits: 13, tickMilliseconds: 1_000,
        epoch: .startOf2024, order: .workerThenSequence)

    /// 53 bits in all, from 2024-01-01: every identifier is a number that JavaScript keeps exactly.
    public static let javaScriptSafe = SnowflakeLayout(
        uncheckedTimeBits: 37, datacenterBits: 0, workerBits: 6, sequenceBits: 10, tickMilliseconds: 10,
        epoch: .startOf2024, order: .workerThenSequence)

    /// The presets by the names that configuration and command line use.
    public static let presets: [(name: String, layout: SnowflakeLayout)] = [
        ("classic", .classic), ("sonyflake", .sonyflake), ("baidu", .baidu), ("javascript-safe", .javaScriptSafe),
    ]
}

extension WallTime {
    fileprivate static let startOf2024 = WallTime(millisecondsSince1970: 1_704_067_200_000)
}

// MARK: What follows from the shares

extension SnowflakeLayout {
    /// Bits of the largest identifier.
    public var totalBits: Int { self.timeBits + self.datacenterBits + self.workerBits + self.sequenceBits }
    /// The legal datacenter numbers.
    public var datacenters: ClosedRange<Int> { 0...((1 << self.datacenterBits) - 1) }
    /// The legal worker numbers.
    public var workers: ClosedRange<Int> { 0...((1 << self.workerBits) - 1) }
    /// How many identifiers one worker can issue within a tick.
    public var idsPerTick: Int { 1 << self.sequenceBits }
    /// The unit of time.
    public var tick: Duration { .milliseconds(self.tickMilliseconds) }
    /// How many identifiers one worker can issue in a second, sustained.
    public var idsPerSecond: Double { Double(self.idsPerTick) * 1_000 / Double(self.tickMilliseconds) }
    /// Whether every identifier is a number that JavaScript keeps exactly.
    public var isJavaScriptSafe: Bool { self.totalBits <= 53 }

    /// The last moment for which the layout has a tick.
    public var end: WallTime {
        let ticks = (Int64(1) << Int64(self.timeBits)) - 1
        let (span, overflow) = ticks.multipliedReportingOverflow(by: self.tickMilliseconds)
        return self.epoch.advanced(by: .milliseconds(overflow ? .max : span))
    }

    /// How nodes of one namespace find out that they disagree: equal for equal layouts and for no others.
    public var scheme: String {
        "snowflake \(self.timeBits)/\(self.datacenterBits)/\(self.workerBits)/\(self.sequenceBits) "
            + "\(self.tickMilliseconds)ms since \(self.epoch.millisecondsSince1970) \(self.order.rawValue)"
    }

    /// The parts of an identifier.
    ///
    /// - Throws: ``IdentifierError/Code/malformedID`` if the number is negative or has more bits than the layout.
    /// - Complexity: O(1).
    public func parse(_ id: SnowflakeID) throws(IdentifierError) -> SnowflakeParts {
        guard id.rawValue >= 0, id.rawValue >> Int64(self.totalBits) == 0 else {
            throw IdentifierError(
                .malformedID,
                "\(id.rawValue) is no identifier of this layout: those lie between 0 and 2^\(self.totalBits) - 1")
        }
        let fields = SnowflakeFields(self)
        let word = UInt64(id.rawValue)
        let node = Int(fields.node(of: word))
        let tick = Int64(fields.tick(of: word))
        return SnowflakeParts(
            time: self.epoch.advanced(by: .milliseconds(tick * self.tickMilliseconds)),
            tick: tick,
            datacenter: node >> self.workerBits,
            worker: node & self.workers.upperBound,
            sequence: Int(fields.sequence(of: word)))
    }

    /// Puts an identifier together, for data that comes from elsewhere and for tests; ``SnowflakeGenerator`` issues new ones.
    ///
    /// - Throws: ``IdentifierError/Code/invalidRequest``, which quotes the part that does not fit.
    public func compose(
        tick: Int64, datacenter: Int = 0, worker: Int, sequence: Int
    ) throws(IdentifierError) -> SnowflakeID {
        let node = try self.node(datacenter: datacenter, worker: worker)
        guard tick >= 0, tick >> Int64(self.timeBits) == 0 else {
            throw IdentifierError(
                .invalidRequest, "the tick \(tick) does not fit \(self.timeBits) bits")
        }
        guard (0..<self.idsPerTick).contains(sequence) else {
            throw IdentifierError(
                .invalidRequest, "the sequence \(sequence) is out of range: from 0 to \(self.idsPerTick - 1)")
        }
        let word = SnowflakeFields(self).word(tick: UInt64(tick), node: node, sequence: UInt64(sequence))
        return SnowflakeID(rawValue: Int64(word))
    }

    /// Datacenter and worker as one number.
    func node(datacenter: Int, worker: Int) throws(IdentifierError) -> UInt64 {
        guard self.datacenters.contains(datacenter) else {
            throw IdentifierError(
                .invalidRequest,
                "the datacenter \(datacenter) is out of range: from 0 to \(self.datacenters.upperBound)")
        }
        guard self.workers.contains(worker) else {
            throw IdentifierError(
                .invalidRequest, "the worker \(worker) is out of range: from 0 to \(self.workers.upperBound)")
        }
        return UInt64(datacenter) << UInt64(self.workerBits) | UInt64(worker)
    }
}

/// The parts of a Snowflake identifier.
public struct SnowflakeParts: Hashable, Sendable {
    /// When the identifier's tick began, by the wall clock of the node that issued it.
    public let time: WallTime
    /// Ticks since the epoch.
    public let tick: Int64
    /// The number of the datacenter.
    public let datacenter: Int
    /// The number of the worker.
    public let worker: Int
    /// The number within the tick.
    public let sequence: Int
}
