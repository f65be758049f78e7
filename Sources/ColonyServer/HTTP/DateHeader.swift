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
    /// - SeeAlso: RFC 9110, section 5.6.7.
    static func text(secondsSince1970 seconds: Int64) -> String {
        let date = CivilDate(millisecondsSince1970: seconds * 1_000)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(Self.weekdays[date.weekday]), \(two(date.day)) \(Self.months[date.month - 1]) \(date.year) "
            + "\(two(date.hour)):\(two(date.minute)):\(two(date.second)) GMT"
    }

    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
}
