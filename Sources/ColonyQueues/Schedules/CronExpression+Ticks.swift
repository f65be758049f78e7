public import ColonyCore

extension CronExpression {
    /// After this many months the calendar repeats itself, weekdays included.
    private static let cycle = 400 * 12
    /// Ticks lie in the years 0 to 9999, which is what RFC 3339 can write.
    private static let seconds: ClosedRange<Int64> = -62_167_219_200...253_402_300_799
    /// More than any zone is away from UTC, and any change of it, together.
    private static let margin: Int64 = 3 * 86_400

    /// The first tick after a point in time.
    ///
    /// - Returns: `nil` if there is none up to the year 9999, as for 30 February.
    /// - Complexity: O(*m*) in the number of months until the tick, 4,800 at the most; an expression that never fires costs as much.
    public func next(after time: WallTime, in zone: CivilZone) -> WallTime? {
        let start = max(Self.second(notAfter: time) + 1, Self.seconds.lowerBound)
        // From one change of the offset to the next local time runs like real time. Looking begins a while earlier, because it matters
        // which local times have been before.
        var from = start - Self.margin
        var offset = zone.offset(at: from)
        var reached = Int64.min
        var found: (local: Int64, searchedFrom: Int64)?
        while from <= Self.seconds.upperBound {
            let end = zone.nextChange(after: from) ?? .max
            let offsetAfter = end == .max ? offset : zone.offset(at: end)
            if end >= start {
                let earliest = max(start, from) + offset
                let lower = self.isWild ? earliest : max(earliest, reached)
                if found.map({ $0.local < lower || lower < $0.searchedFrom }) ?? true {
                    guard let local = self.firstLocal(notBefore: lower) else { return nil }
                    found = (local, lower)
                }
                guard let local = found?.local else { return nil }
                if local - offset < end { return Self.time(ofSecond: local - offset) }
                // Skipped, and made up for.
                if !self.isWild, local < end + offsetAfter { return Self.time(ofSecond: end) }
                // Nothing happens long before. Going back may repeat times that were passed, so that is looked at first.
                if local - Self.margin > end, offsetAfter >= offset {
                    from = local - Self.margin
                    offset = zone.offset(at: from)
                    reached = .min
                    continue
                }
            }
            reached = max(reached, end == .max ? .max : end + offset)
            offset = offsetAfter
            from = end
        }
        return nil
    }

    /// The last tick after `floor` and not after `limit`.
    ///
    /// - Returns: `nil` if there is none between.
    /// - Complexity: O(log *n*) times that of ``next(after:in:)``, in the time between.
    public func last(upTo limit: WallTime, after floor: WallTime, in zone: CivilZone) -> WallTime? {
        func first(after milliseconds: Int64, upTo limit: Int64) -> Int64? {
            let tick = self.next(after: WallTime(millisecondsSince1970: milliseconds), in: zone)
            guard let tick, tick.millisecondsSince1970 <= limit else { return nil }
            return tick.millisecondsSince1970
        }
        let (floor, limit) = (floor.millisecondsSince1970, limit.millisecondsSince1970)
        guard floor < limit else { return nil }
        // Back in steps that double, until one is found; then what lies between is halved until nothing does.
        var (low, high) = (Int64?.none, limit)
        var width: Int64 = 1_000
        while low == nil {
            let probe = limit - floor > width ? limit - width : floor
            low = first(after: probe, upTo: high)
            if low == nil {
                if probe == floor { return nil }
                high = probe
                width *= 2
            }
        }
        guard var low else { return nil }
        while low < high {
            let middle = low + (high - low) / 2
            if let tick = first(after: middle, upTo: high) { low = tick } else { high = middle }
        }
        return WallTime(millisecondsSince1970: low)
    }

    /// Whether there is any tick at all, in any zone.
    ///
    /// - Complexity: As ``next(after:in:)``.
    public var fires: Bool { self.firstLocal(notBefore: 0) != nil }

    // MARK: Local time

    /// The first local time that matches, in seconds since 1970 as if it were UTC, looking at fields and not at minutes.
    private func firstLocal(notBefore lower: Int64) -> Int64? {
        let day = Self.floor(lower, 86_400)
        let date = CivilDate(millisecondsSince1970: day * 86_400_000)
        var month = CalendarMonth(year: date.year, month: date.month)
        var from = date.day
        for number in 0...Self.cycle {
            if self.months.contains(month.month) {
                var days = self.days(of: month) & (.max << UInt64(from))
                if number == 0, days >> UInt64(date.day) & 1 != 0 {
                    if let time = self.firstTime(notBefore: Int(lower - day * 86_400)) { return day * 86_400 + time }
                    days &= ~(1 << UInt64(date.day))
                }
                if days != 0, let time = self.firstTime(notBefore: 0) {
                    return (month.firstDay + Int64(days.trailingZeroBitCount) - 1) * 86_400 + time
                }
            }
            month.advance()
            from = 1
        }
        return nil
    }

    /// The first second of a day that matches.
    private func firstTime(notBefore lower: Int) -> Int64? {
        let (hour, minute, second) = (lower / 3_600, lower / 60 % 60, lower % 60)
        guard let firstSecond = self.seconds.first(from: 0), let firstMinute = self.minutes.first(from: 0) else {
            return nil
        }
        if self.hours.contains(hour) {
            if self.minutes.contains(minute), let next = self.seconds.first(from: second) {
                return Int64(hour * 3_600 + minute * 60 + next)
            }
            if let next = self.minutes.first(from: minute + 1) {
                return Int64(hour * 3_600 + next * 60 + firstSecond)
            }
        }
        return self.hours.first(from: hour + 1).map { Int64($0 * 3_600 + firstMinute * 60 + firstSecond) }
    }

    // MARK: Points in time

    private static func second(notAfter time: WallTime) -> Int64 {
        min(max(Self.floor(time.millisecondsSince1970, 1_000), Self.seconds.lowerBound - 1), Self.seconds.upperBound)
    }

    private static func time(ofSecond second: Int64) -> WallTime? {
        Self.seconds.contains(second) ? WallTime(millisecondsSince1970: second * 1_000) : nil
    }

    private static func floor(_ number: Int64, _ divisor: Int64) -> Int64 {
        number / divisor - (number % divisor < 0 ? 1 : 0)
    }
}
