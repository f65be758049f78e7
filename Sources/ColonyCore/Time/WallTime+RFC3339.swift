extension WallTime {
    /// Reads a point in time as RFC 3339 writes it, such as `2024-01-01T00:00:00.5+01:00`; `nil` for anything else.
    ///
    /// Digits beyond the millisecond are dropped, and a leap second is the first second of the next minute.
    ///
    /// - Complexity: O(*n*) in the length of the text.
    package init?(rfc3339 text: String) {
        var reader = RFC3339Reader(bytes: Array(text.utf8))
        guard let time = reader.read() else { return nil }
        self = time
    }
}

/// - SeeAlso: RFC 3339, section 5.6.
private struct RFC3339Reader {
    let bytes: [UInt8]
    var position = 0

    mutating func read() -> WallTime? {
        guard let year = self.number(4), self.take("-"), let month = self.number(2, in: 1...12), self.take("-"),
            let day = self.number(2, in: 1...31), self.take("T") || self.take("t"),
            let hour = self.number(2, in: 0...23), self.take(":"), let minute = self.number(2, in: 0...59),
            self.take(":"), let second = self.number(2, in: 0...60), let millisecond = self.fraction(),
            let offset = self.offset(), self.position == self.bytes.count,
            day <= Self.days(of: month, in: year)
        else { return nil }
        let days = Self.daysSince1970(year, month, day)
        let seconds = days * 86_400 + (hour * 60 + minute - offset) * 60 + second
        return WallTime(millisecondsSince1970: seconds * 1_000 + millisecond)
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard self.position < self.bytes.count, self.bytes[self.position] == UInt8(ascii: character) else {
            return false
        }
        self.position += 1
        return true
    }

    private mutating func digit() -> Int64? {
        guard self.position < self.bytes.count,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self.bytes[self.position])
        else { return nil }
        defer { self.position += 1 }
        return Int64(self.bytes[self.position] - UInt8(ascii: "0"))
    }

    private mutating func number(_ digits: Int, in range: ClosedRange<Int64> = 0...9_999) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<digits {
            guard let digit = self.digit() else { return nil }
            value = value * 10 + digit
        }
        return range.contains(value) ? value : nil
    }

    /// The milliseconds after the point; zero without a point.
    private mutating func fraction() -> Int64? {
        guard self.take(".") else { return 0 }
        guard let first = self.digit() else { return nil }
        var (value, weight) = (first * 100, Int64(10))
        while let digit = self.digit() {
            value += digit * weight
            weight /= 10
        }
        return value
    }

    /// In minutes east of Greenwich.
    private mutating func offset() -> Int64? {
        if self.take("Z") || self.take("z") { return 0 }
        let sign: Int64
        if self.take("+") { sign = 1 } else if self.take("-") { sign = -1 } else { return nil }
        guard let hours = self.number(2, in: 0...23), self.take(":"), let minutes = self.number(2, in: 0...59) else {
            return nil
        }
        return sign * (hours * 60 + minutes)
    }

    private static func days(of month: Int64, in year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// - SeeAlso: H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, 2021, `days_from_civil`.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Years that begin in March put the leap day at their end. A multiple of 400 years keeps all numbers positive.
        let shifted = (month <= 2 ? year - 1 : year) + 400
        let (era, yearOfEra) = shifted.quotientAndRemainder(dividingBy: 400)
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era - 1) * 146_097 + dayOfEra - 719_468
    }
}
