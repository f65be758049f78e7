/// A point in time as the Gregorian calendar and the clock on the wall show it, in UTC.
///
/// - SeeAlso: H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, 2021, `civil_from_days`.
package struct CivilDate {
    package var year: Int
    /// From 1 to 12.
    package var month: Int
    /// From 1 to 31.
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int
    package var millisecond: Int
    /// From 0, which is Sunday.
    package var weekday: Int

    package init(millisecondsSince1970 milliseconds: Int64) {
        let days = milliseconds.dividedRoundingDown(by: 86_400_000)
        let ofDay = Int(milliseconds - days * 86_400_000)
        // Years that begin in March put the leap day at their end.
        let shifted = days + 719_468
        let era = shifted.dividedRoundingDown(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        self.day = Int(dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
        self.month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        self.year = Int(yearOfEra + era * 400) + (self.month <= 2 ? 1 : 0)
        self.weekday = Int((days + 4) - (days + 4).dividedRoundingDown(by: 7) * 7)
        self.hour = ofDay / 3_600_000
        self.minute = ofDay / 60_000 % 60
        self.second = ofDay / 1_000 % 60
        self.millisecond = ofDay % 1_000
    }
}

extension WallTime {
    /// The point as RFC 3339 writes it, in UTC with milliseconds: `2024-01-01T00:00:00.000Z`.
    package var rfc3339: String {
        let date = CivilDate(millisecondsSince1970: self.millisecondsSince1970)
        func padded(_ number: Int, _ digits: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return "\(padded(date.year, 4))-\(padded(date.month, 2))-\(padded(date.day, 2))T\(padded(date.hour, 2)):"
            + "\(padded(date.minute, 2)):\(padded(date.second, 2)).\(padded(date.millisecond, 3))Z"
    }
}

extension Int64 {
    fileprivate func dividedRoundingDown(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
