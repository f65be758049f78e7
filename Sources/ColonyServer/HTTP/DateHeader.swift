import ColonyCore
import Synchronization

/// The value of the `Date` header, made anew once in a second.
final class DateHeader: Sendable {
    private let clock: any WallClock
    private let cache = Mutex((second: Int64.min, text: ""))

    init(_ clock: any WallClock) {
        self.clock = clock
    }

    var value: String {
        let second = self.clock.now.millisecondsSince1970 / 1_000
        return self.cache.withLock { cache in
            if cache.second != second { cache = (second, Self.text(secondsSince1970: second)) }
            return cache.text
        }
    }

    /// A point in time as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// - SeeAlso: RFC 9110, section 5.6.7; H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `civil_from_days`.
    static func text(secondsSince1970 seconds: Int64) -> String {
        let days = seconds.dividedRoundingDown(by: 86_400)
        let second = Int(seconds - days * 86_400)
        let shifted = days + 719_468
        let era = shifted.dividedRoundingDown(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let weekday = Int(((days + 4) % 7 + 7) % 7)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(Self.weekdays[weekday]), \(two(Int(day))) \(Self.months[month - 1]) \(year) "
            + "\(two(second / 3_600)):\(two(second / 60 % 60)):\(two(second % 60)) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}

extension Int64 {
    fileprivate func dividedRoundingDown(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
