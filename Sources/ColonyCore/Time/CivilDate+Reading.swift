extension CivilDate {
    /// Days from 1970-01-01 to a day of the Gregorian calendar.
    ///
    /// - SeeAlso: H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, 2021, `days_from_civil`.
    static func days(year: Int, month: Int, day: Int) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return Int64(era * 146_097 + dayOfEra - 719_468)
    }
}

extension WallTime {
    /// Reads a point as RFC 3339 writes it: `2026-01-31T08:30:00Z`, `2026-01-31T08:30:00.250+01:00`. Digits beyond milliseconds are cut
    /// off, and a leap second counts as the second before.
    ///
    /// - Returns: `nil` for anything else, also for a day that no calendar has, and for a time without a zone, which nobody knows.
    package init?(rfc3339 text: some StringProtocol) {
        var bytes = Array(text.utf8)[...]
        func number(_ digits: Int) -> Int? {
            guard bytes.count >= digits else { return nil }
            var value = 0
            for byte in bytes.prefix(digits) {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            bytes = bytes.dropFirst(digits)
            return value
        }
        func skip(_ characters: String) -> Bool {
            guard let first = bytes.first, characters.utf8.contains(first) else { return false }
            bytes = bytes.dropFirst()
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), (1...12).contains(month), skip("-"),
            let day = number(2), day >= 1, skip("Tt "), let hour = number(2), hour <= 23, skip(":"),
            let minute = number(2), minute <= 59, skip(":"), let second = number(2), second <= 60
        else { return nil }
        let days = CivilDate.days(year: year, month: month, day: day)
        let next =
            month == 12
            ? CivilDate.days(year: year + 1, month: 1, day: 1) : CivilDate.days(year: year, month: month + 1, day: 1)
        guard days < next else { return nil }
        var milliseconds = 0
        if skip(".") {
            let fraction = bytes.prefix { (0x30...0x39).contains($0) }
            guard !fraction.isEmpty else { return nil }
            for place in 0..<3 {
                let digit = place < fraction.count ? Int(fraction[fraction.startIndex + place] - 0x30) : 0
                milliseconds = milliseconds * 10 + digit
            }
            bytes = bytes.dropFirst(fraction.count)
        }
        var offset = 0
        if !skip("Zz") {
            let sign = bytes.first == UInt8(ascii: "-") ? -1 : 1
            guard skip("+-"), let hours = number(2), hours <= 23, skip(":"), let minutes = number(2), minutes <= 59
            else {
                return nil
            }
            offset = sign * (hours * 60 + minutes)
        }
        guard bytes.isEmpty else { return nil }
        let seconds = days * 86_400 + Int64(hour * 3_600 + (minute - offset) * 60 + min(second, 59))
        self.init(millisecondsSince1970: seconds * 1_000 + Int64(milliseconds))
    }
}
