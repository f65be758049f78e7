import ColonyCore
import ColonyQueues
import ColonySimulation
import Foundation
import Testing

/// A cron expression made up field by field, as text and as what it means: the text goes to the parser, the meaning to a naive walker.
private struct MadeUp {
    var text: String
    var minutes: Set<Int>
    var hours: Set<Int>
    var days: Set<Int>
    var months: Set<Int>
    var weekdays: Set<Int>
    var isWild: Bool
    var eitherDay: Bool

    init(using generator: inout SeededGenerator) {
        func field(_ whole: ClosedRange<Int>, wildness: Int) -> (text: String, numbers: Set<Int>) {
            switch Int.random(in: 0..<10, using: &generator) {
            case ..<wildness: return ("*", Set(whole))
            case ..<(wildness + 1):
                let step = Int.random(in: 1...whole.count, using: &generator)
                return ("*/\(step)", Set(stride(from: whole.lowerBound, through: whole.upperBound, by: step)))
            case ..<(wildness + 2):
                let first = Int.random(in: whole, using: &generator)
                let last = Int.random(in: first...whole.upperBound, using: &generator)
                let step = Int.random(in: 1...3, using: &generator)
                return ("\(first)-\(last)/\(step)", Set(stride(from: first, through: last, by: step)))
            default:
                let numbers = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
                    Int.random(in: whole, using: &generator)
                }
                return (numbers.map(String.init).joined(separator: ","), Set(numbers))
            }
        }
        let (minute, hour) = (field(0...59, wildness: 1), field(0...23, wildness: 1))
        // Most expressions speak of the early hours, when clocks are changed.
        let early =
            Bool.random(using: &generator)
            ? hour : ("1,2,3", [1, 2, 3] as Set<Int>)
        let (day, month, weekday) = (
            field(1...31, wildness: 5), field(1...12, wildness: 6), field(0...6, wildness: 5)
        )
        self.text = [minute.text, early.0, day.text, month.text, weekday.text].joined(separator: " ")
        (self.minutes, self.hours, self.days) = (minute.numbers, early.1, day.numbers)
        (self.months, self.weekdays) = (month.numbers, weekday.numbers)
        self.isWild = minute.text.hasPrefix("*") || early.0.hasPrefix("*")
        self.eitherDay = !day.text.hasPrefix("*") && !weekday.text.hasPrefix("*")
    }
}

/// Local time in a zone, minute by minute, from Foundation itself: nothing of it is shared with what is tested.
private struct Minutes {
    let start: Int
    let offsets: [Int]

    init(_ zone: String, from start: Int, count: Int) throws {
        let zone = try #require(TimeZone(identifier: zone))
        self.start = start
        self.offsets = (-2 * 1_440..<count).map { minute in
            zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(start + minute * 60))) / 60
        }
    }

    /// The ticks of an expression, by looking at every minute as Vixie's cron does, with one eye on the local times that have been.
    func ticks(of expression: MadeUp) -> [Int] {
        var (minutes, hours) = ([Bool](repeating: false, count: 60), [Bool](repeating: false, count: 24))
        for minute in expression.minutes { minutes[minute] = true }
        for hour in expression.hours { hours[hour] = true }
        var matchingDay = (day: Int.min, matches: false)
        func matches(_ local: Int) -> Bool {
            if !minutes[local % 60] || !hours[local / 60 % 24] { return false }
            let day = local / 1_440
            if matchingDay.day != day { matchingDay = (day, Self.matches(day, expression)) }
            return matchingDay.matches
        }
        var found: [Int] = []
        var reached = Int.min
        for (index, offset) in self.offsets.enumerated() {
            let second = self.start + (index - 2 * 1_440) * 60
            let local = second / 60 + offset
            var fires = false
            if expression.isWild {
                fires = matches(local)
            } else if local > reached {
                let first = reached == .min ? local : reached + 1
                for skipped in first...local where matches(skipped) { fires = true }
            }
            reached = max(reached, local)
            if fires, second > self.start { found.append(second) }
        }
        return found
    }

    /// Whether a day since 1970 matches, by counting years and months from there.
    private static func matches(_ day: Int, _ expression: MadeUp) -> Bool {
        var (rest, year, month) = (day, 1970, 1)
        func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
        while rest >= (isLeap(year) ? 366 : 365) {
            rest -= isLeap(year) ? 366 : 365
            year += 1
        }
        let lengths = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        while rest >= lengths[month - 1] {
            rest -= lengths[month - 1]
            month += 1
        }
        guard expression.months.contains(month) else { return false }
        let (byDay, byWeek) = (
            expression.days.contains(rest + 1), expression.weekdays.contains((day + 4) % 7)
        )
        return expression.eitherDay ? byDay || byWeek : byDay && byWeek
    }
}

@Suite("The ticks of cron expressions", .timeLimit(.minutes(3)))
struct CronWalkTests {
    static let zones = [
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Pacific/Apia",
    ]

    @Test(
        "are those that a walk over every minute of a year finds, for 15 expressions of 5 seeds", arguments: Self.zones)
    func walk(zone: String) throws {
        for seed in 0..<5 as Range<UInt64> {
            var generator = SeededGenerator(seed: Seed(rawValue: seed))
            // From 2010 to 2026, so that leap years and Samoa's missing day are among them.
            let start = 1_262_304_000 + Int.random(in: 0..<5_840, using: &generator) * 86_400
            let minutes = try Minutes(zone, from: start, count: 366 * 1_440)
            let end = start + 366 * 86_400
            for _ in 0..<15 {
                let madeUp = MadeUp(using: &generator)
                let expected = minutes.ticks(of: madeUp)
                let expression = try CronExpression(madeUp.text)
                let civilZone = try CivilZone(zone)
                var found: [Int] = []
                var now = WallTime(millisecondsSince1970: Int64(start) * 1_000)
                while let next = expression.next(after: now, in: civilZone), next.millisecondsSince1970 < end * 1_000 {
                    found.append(Int(next.millisecondsSince1970 / 1_000))
                    now = next
                    // From anywhere between two ticks the next one is the same.
                    if expected.count < 1_000 {
                        let gap =
                            next.millisecondsSince1970
                            - (found.dropLast().last.map { Int64($0) * 1_000 } ?? next.millisecondsSince1970 - 1_000)
                        let between = next.millisecondsSince1970 - Int64.random(in: 1...max(1, gap), using: &generator)
                        #expect(expression.next(after: WallTime(millisecondsSince1970: between), in: civilZone) == next)
                    }
                }
                guard found != expected else { continue }
                let place =
                    zip(found, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
                    ?? min(found.count, expected.count)
                Issue.record(
                    """
                    "\(madeUp.text)" in \(zone), seed \(seed): \(found.count) ticks instead of \(expected.count); the first that differs \
                    is \(found.dropFirst(place).first ?? 0) instead of \(expected.dropFirst(place).first ?? 0)
                    """)
            }
        }
    }
}
