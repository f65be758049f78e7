/// One of the six places of a cron expression, and what may stand there.
enum CronField: Int, CaseIterable {
    case second, minute, hour, dayOfMonth, month, dayOfWeek

    var name: String {
        switch self {
        case .second: "second"
        case .minute: "minute"
        case .hour: "hour"
        case .dayOfMonth: "day-of-month"
        case .month: "month"
        case .dayOfWeek: "day-of-week"
        }
    }

    /// What a number may be. Sunday is both 0 and 7.
    var range: ClosedRange<Int> {
        switch self {
        case .second, .minute: 0...59
        case .hour: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 0...7
        }
    }

    /// What `*` stands for.
    var whole: ClosedRange<Int> { self == .dayOfWeek ? 0...6 : self.range }

    private static let months = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ]
    private static let weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

    /// The number that a name stands for, in any case.
    func number(named text: Substring) -> Int? {
        let name = text.uppercased()
        return switch self {
        case .month: Self.months.firstIndex(of: name).map { $0 + 1 }
        case .dayOfWeek: Self.weekdays.firstIndex(of: name)
        default: nil
        }
    }

    /// What else the field takes, for errors.
    var example: String {
        switch self {
        case .month: "a number from 1 to 12 or a name such as JAN"
        case .dayOfWeek: "a number from 0 to 7 or a name such as MON"
        default: "a number from \(self.range.lowerBound) to \(self.range.upperBound)"
        }
    }
}

/// The numbers that a field allows, as bits, and what cannot be said in numbers of it because it depends on the month.
struct CronNumbers: Hashable, Sendable {
    /// Bit *n* for the number *n*. Sunday is 0.
    var bits: UInt64 = 0
    /// The field begins with `*` or `?`.
    var isWild = false
    /// Days counted from the last of the month: bit 0 for `L`, bit 3 for `L-3`.
    var fromLast: UInt64 = 0
    /// `15W`: the day from Monday to Friday that is nearest to the 15th.
    var nearest: UInt64 = 0
    /// `LW`: the last day from Monday to Friday.
    var lastWeekday = false
    /// `FRI#2`: bit 5 × weekday + n − 1.
    var nth: UInt64 = 0
    /// `FRIL`: the last of this weekday.
    var last: UInt64 = 0

    /// The first number from `start` on.
    func first(from start: Int) -> Int? {
        guard start < 64 else { return nil }
        let rest = self.bits >> UInt64(start)
        return rest == 0 ? nil : start + rest.trailingZeroBitCount
    }

    func contains(_ number: Int) -> Bool { self.bits >> UInt64(number) & 1 != 0 }
}
