/// A month of the Gregorian calendar, with the arithmetic that cron needs.
///
/// - SeeAlso: H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, 2021, `days_from_civil`.
struct CalendarMonth {
    private(set) var year: Int
    /// From 1 to 12.
    private(set) var month: Int

    init(year: Int, month: Int) {
        self.year = year
        self.month = month
    }

    /// Goes on to the next one.
    mutating func advance() {
        self.month += 1
        if self.month > 12 {
            self.month = 1
            self.year += 1
        }
    }

    /// How many days it has.
    var length: Int {
        switch self.month {
        case 4, 6, 9, 11: 30
        case 2: self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0) ? 29 : 28
        default: 31
        }
    }

    /// Days from 1970-01-01 to its first day.
    var firstDay: Int64 {
        // Years that begin in March put the leap day at their end.
        let year = Int64(self.month <= 2 ? self.year - 1 : self.year)
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = Int64((153 * (self.month + (self.month > 2 ? -3 : 9)) + 2) / 5)
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// The weekday of a day since 1970-01-01, from 0, which is Sunday.
    static func weekday(ofDay day: Int64) -> Int {
        let rest = Int((day + 4) % 7)
        return rest < 0 ? rest + 7 : rest
    }
}

extension CronExpression {
    /// The days of a month that match: bit *n* for the *n*th.
    func days(of month: CalendarMonth) -> UInt64 {
        let length = month.length
        let firstWeekday = CalendarMonth.weekday(ofDay: month.firstDay)
        let byMonth = self.daysByMonth(length: length, firstWeekday: firstWeekday)
        let byWeek = self.daysByWeek(length: length, firstWeekday: firstWeekday)
        return self.daysOfMonth.isWild || self.daysOfWeek.isWild ? byMonth & byWeek : byMonth | byWeek
    }

    private func daysByMonth(length: Int, firstWeekday: Int) -> UInt64 {
        let whole: UInt64 = (1 << UInt64(length + 1)) - 2
        let field = self.daysOfMonth
        var days = field.bits & whole
        for back in 0..<length where field.fromLast >> UInt64(back) & 1 != 0 { days |= 1 << UInt64(length - back) }
        func weekday(_ day: Int) -> Int { (firstWeekday + day - 1) % 7 }
        if field.nearest != 0 {
            for day in 1...length where field.nearest >> UInt64(day) & 1 != 0 {
                // Within the month: the 1st on a Saturday is the 3rd, and the last on a Sunday two days before.
                let moved =
                    switch weekday(day) {
                    case 6: day == 1 ? 3 : day - 1
                    case 0: day == length ? day - 2 : day + 1
                    default: day
                    }
                days |= 1 << UInt64(moved)
            }
        }
        if field.lastWeekday {
            let back = [2, 0, 0, 0, 0, 0, 1][weekday(length)]
            days |= 1 << UInt64(length - back)
        }
        return days
    }

    private func daysByWeek(length: Int, firstWeekday: Int) -> UInt64 {
        let field = self.daysOfWeek
        var days: UInt64 = 0
        for day in 1...length {
            let weekday = (firstWeekday + day - 1) % 7
            let matches =
                field.contains(weekday) || field.nth >> UInt64(5 * weekday + (day - 1) / 7) & 1 != 0
                || (day + 7 > length && field.last >> UInt64(weekday) & 1 != 0)
            if matches { days |= 1 << UInt64(day) }
        }
        return days
    }
}
