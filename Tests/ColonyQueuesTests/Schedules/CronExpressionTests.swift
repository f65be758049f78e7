import ColonyCore
import ColonyQueues
import Foundation
import Testing

/// The ticks after a time, as RFC 3339 writes them without milliseconds.
private func ticks(_ text: String, _ zone: String, after time: String, _ count: Int) throws -> [String] {
    let expression = try CronExpression(text)
    let zone = try CivilZone(zone)
    var now = try instant(time)
    var found: [String] = []
    while found.count < count, let next = expression.next(after: now, in: zone) {
        found.append(next.rfc3339.replacingOccurrences(of: ".000Z", with: "Z"))
        now = next
    }
    return found
}

private func instant(_ text: String) throws -> WallTime {
    let date = try Date(text, strategy: .iso8601)
    return WallTime(millisecondsSince1970: Int64(date.timeIntervalSince1970 * 1_000))
}

@Suite("A cron expression")
struct CronExpressionTests {
    struct Row: CustomTestStringConvertible {
        let text: String
        var zone = "UTC"
        let after: String
        let expected: [String]
        var testDescription: String { "\(self.text) in \(self.zone) after \(self.after)" }
    }

    // MARK: The calendar

    static let calendarRows: [Row] = [
        Row(
            text: "* * * * *", after: "2024-02-28T23:58:30Z",
            expected: [
                "2024-02-28T23:59:00Z", "2024-02-29T00:00:00Z", "2024-02-29T00:01:00Z",
            ]),
        Row(
            text: "30 2 * * MON-FRI", after: "2024-03-01T02:30:00Z",
            expected: [
                "2024-03-04T02:30:00Z", "2024-03-05T02:30:00Z",
            ]),
        Row(
            text: "*/15 9-17/4 * * *", after: "2024-01-01T09:44:59Z",
            expected: [
                "2024-01-01T09:45:00Z", "2024-01-01T13:00:00Z", "2024-01-01T13:15:00Z",
            ]),
        Row(
            text: "10/20 0 1 jan,Jul ?", after: "2024-01-01T00:10:00Z",
            expected: [
                "2024-01-01T00:30:00Z", "2024-01-01T00:50:00Z", "2024-07-01T00:10:00Z",
            ]),
        Row(
            text: "0 0 13 * FRI", after: "2024-09-06T00:00:00Z",
            expected: [
                "2024-09-13T00:00:00Z", "2024-09-20T00:00:00Z", "2024-09-27T00:00:00Z", "2024-10-04T00:00:00Z",
                "2024-10-11T00:00:00Z", "2024-10-13T00:00:00Z",
            ]),
        Row(
            text: "0 0 */2 * MON", after: "2024-09-01T00:00:00Z",
            expected: [
                "2024-09-09T00:00:00Z", "2024-09-23T00:00:00Z", "2024-10-07T00:00:00Z",
            ]),
        Row(
            text: "0 0 29 2 *", after: "2096-02-29T00:00:00Z",
            expected: [
                "2104-02-29T00:00:00Z", "2108-02-29T00:00:00Z",
            ]),
        Row(text: "0 0 29 2 */7", after: "2088-02-29T00:00:00Z", expected: ["2128-02-29T00:00:00Z"]),
        Row(
            text: "0 0 L * *", after: "2023-12-31T00:00:00Z",
            expected: [
                "2024-01-31T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-31T00:00:00Z", "2024-04-30T00:00:00Z",
            ]),
        Row(
            text: "0 0 L-2 2 ?", after: "2023-01-01T00:00:00Z",
            expected: [
                "2023-02-26T00:00:00Z", "2024-02-27T00:00:00Z",
            ]),
        // June 2024 begins on a Saturday and ends on a Sunday.
        Row(
            text: "0 0 1W,30W 6 ?", after: "2024-05-31T00:00:00Z",
            expected: [
                "2024-06-03T00:00:00Z", "2024-06-28T00:00:00Z",
            ]),
        Row(
            text: "0 0 15W * ?", after: "2024-06-01T00:00:00Z",
            expected: [
                "2024-06-14T00:00:00Z", "2024-07-15T00:00:00Z", "2024-08-15T00:00:00Z", "2024-09-16T00:00:00Z",
            ]),
        Row(
            text: "0 0 LW * ?", after: "2024-05-31T12:00:00Z",
            expected: [
                "2024-06-28T00:00:00Z", "2024-07-31T00:00:00Z", "2024-08-30T00:00:00Z",
            ]),
        Row(
            text: "0 9 ? * TUE#2", after: "2024-01-01T00:00:00Z",
            expected: [
                "2024-01-09T09:00:00Z", "2024-02-13T09:00:00Z",
            ]),
        Row(
            text: "0 9 ? * FRI#5", after: "2024-01-01T00:00:00Z",
            expected: [
                "2024-03-29T09:00:00Z", "2024-05-31T09:00:00Z",
            ]),
        Row(
            text: "0 9 ? * 5L", after: "2024-01-01T00:00:00Z",
            expected: [
                "2024-01-26T09:00:00Z", "2024-02-23T09:00:00Z",
            ]),
        Row(
            text: "0 0 * * FRI-SUN", after: "2024-01-05T00:00:00Z",
            expected: [
                "2024-01-06T00:00:00Z", "2024-01-07T00:00:00Z", "2024-01-12T00:00:00Z",
            ]),
        Row(text: "0 0 * * 7", after: "2024-01-01T00:00:00Z", expected: ["2024-01-07T00:00:00Z"]),
        Row(
            text: "*/20 59 23 31 12 *", after: "2024-06-01T00:00:00Z",
            expected: [
                "2024-12-31T23:59:00Z", "2024-12-31T23:59:20Z", "2024-12-31T23:59:40Z", "2025-12-31T23:59:00Z",
            ]),
        Row(text: "@hourly", after: "2024-01-01T00:00:00Z", expected: ["2024-01-01T01:00:00Z"]),
        Row(text: "@daily", after: "2024-01-01T00:00:00Z", expected: ["2024-01-02T00:00:00Z"]),
        Row(text: "@weekly", after: "2024-01-01T00:00:00Z", expected: ["2024-01-07T00:00:00Z"]),
        Row(text: "@monthly", after: "2024-01-01T00:00:00Z", expected: ["2024-02-01T00:00:00Z"]),
        Row(text: "@yearly", after: "2024-01-01T00:00:00Z", expected: ["2025-01-01T00:00:00Z"]),
        // Before 1970, and at the end of what RFC 3339 can write.
        Row(
            text: "0 0 1 1 *", after: "1968-06-01T00:00:00Z",
            expected: [
                "1969-01-01T00:00:00Z", "1970-01-01T00:00:00Z",
            ]),
        Row(text: "0 0 1 1 *", after: "9998-06-01T00:00:00Z", expected: ["9999-01-01T00:00:00Z"]),
        Row(
            text: "30 9 * * *", zone: "Asia/Kolkata", after: "2024-03-31T00:00:00Z",
            expected: [
                "2024-03-31T04:00:00Z", "2024-04-01T04:00:00Z",
            ]),
    ]

    @Test("fires when a calendar says so", arguments: Self.calendarRows)
    func calendar(row: Row) throws {
        let count = row.text == "0 0 1 1 *" && row.after.hasPrefix("9998") ? 2 : row.expected.count
        #expect(try ticks(row.text, row.zone, after: row.after, count) == row.expected)
    }

    // MARK: Clocks that are changed

    static let changeRows: [Row] = [
        // Berlin goes from 02:00 to 03:00 on 31 March 2024, at 01:00 UTC.
        Row(
            text: "30 2 * * *", zone: "Europe/Berlin", after: "2024-03-30T00:00:00Z",
            expected: [
                "2024-03-30T01:30:00Z", "2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z",
            ]),
        // Two that are skipped together, and one at the same instant, are one tick.
        Row(
            text: "0,30 2,3 * * *", zone: "Europe/Berlin", after: "2024-03-31T00:00:00Z",
            expected: [
                "2024-03-31T01:00:00Z", "2024-03-31T01:30:00Z", "2024-04-01T00:00:00Z",
            ]),
        Row(
            text: "*/30 2 * * *", zone: "Europe/Berlin", after: "2024-03-30T00:00:00Z",
            expected: [
                "2024-03-30T01:00:00Z", "2024-03-30T01:30:00Z", "2024-04-01T00:00:00Z",
            ]),
        Row(
            text: "30 * * * *", zone: "Europe/Berlin", after: "2024-03-31T00:00:00Z",
            expected: [
                "2024-03-31T00:30:00Z", "2024-03-31T01:30:00Z",
            ]),
        // And back from 03:00 to 02:00 on 27 October, at 01:00 UTC.
        Row(
            text: "30 2 * * *", zone: "Europe/Berlin", after: "2024-10-26T12:00:00Z",
            expected: [
                "2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z",
            ]),
        Row(
            text: "0 3 * * *", zone: "Europe/Berlin", after: "2024-10-26T12:00:00Z",
            expected: [
                "2024-10-27T02:00:00Z", "2024-10-28T02:00:00Z",
            ]),
        Row(
            text: "*/30 2 * * *", zone: "Europe/Berlin", after: "2024-10-26T12:00:00Z",
            expected: [
                "2024-10-27T00:00:00Z", "2024-10-27T00:30:00Z", "2024-10-27T01:00:00Z", "2024-10-27T01:30:00Z",
                "2024-10-28T01:00:00Z",
            ]),
        Row(
            text: "30 */2 * * *", zone: "Europe/Berlin", after: "2024-10-26T23:00:00Z",
            expected: [
                "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", "2024-10-27T03:30:00Z",
            ]),
        // The next month must not hide the second half hour of the first day.
        Row(
            text: "*/30 2 27 * *", zone: "Europe/Berlin", after: "2024-10-27T00:45:00Z",
            expected: [
                "2024-10-27T01:00:00Z", "2024-10-27T01:30:00Z", "2024-11-27T01:00:00Z",
            ]),
        // The second is not asked: a minute that comes twice is one minute.
        Row(
            text: "*/30 30 2 * * *", zone: "Europe/Berlin", after: "2024-10-26T12:00:00Z",
            expected: [
                "2024-10-27T00:30:00Z", "2024-10-27T00:30:30Z", "2024-10-28T01:30:00Z",
            ]),
        // New York goes from 02:00 to 03:00 on 10 March 2024, at 07:00 UTC, and back on 3 November at 06:00 UTC.
        Row(
            text: "15 2 * * *", zone: "America/New_York", after: "2024-03-09T12:00:00Z",
            expected: [
                "2024-03-10T07:00:00Z", "2024-03-11T06:15:00Z",
            ]),
        Row(
            text: "15 1 * * *", zone: "America/New_York", after: "2024-11-03T00:00:00Z",
            expected: [
                "2024-11-03T05:15:00Z", "2024-11-04T06:15:00Z",
            ]),
        Row(
            text: "15 * 3 11 *", zone: "America/New_York", after: "2024-11-03T05:00:00Z",
            expected: [
                "2024-11-03T05:15:00Z", "2024-11-03T06:15:00Z", "2024-11-03T07:15:00Z",
            ]),
        // Lord Howe goes from 02:00 to 02:30 on 6 October 2024, at 15:30 UTC of the day before, and back to 01:30 on 7 April, at 15:00 UTC.
        Row(
            text: "15 2 * * *", zone: "Australia/Lord_Howe", after: "2024-10-05T00:00:00Z",
            expected: [
                "2024-10-05T15:30:00Z", "2024-10-06T15:15:00Z",
            ]),
        Row(
            text: "45 1 * * *", zone: "Australia/Lord_Howe", after: "2024-04-06T00:00:00Z",
            expected: [
                "2024-04-06T14:45:00Z", "2024-04-07T15:15:00Z",
            ]),
        Row(
            text: "*/15 1 7 4 *", zone: "Australia/Lord_Howe", after: "2024-04-06T14:30:00Z",
            expected: [
                "2024-04-06T14:45:00Z", "2024-04-06T15:00:00Z", "2024-04-06T15:15:00Z", "2025-04-06T14:30:00Z",
            ]),
        // Samoa had no 30 December 2011.
        Row(
            text: "0 9 30 12 *", zone: "Pacific/Apia", after: "2011-12-01T00:00:00Z",
            expected: [
                "2011-12-30T10:00:00Z", "2012-12-29T19:00:00Z",
            ]),
    ]

    @Test("follows the rule about clocks that are changed", arguments: Self.changeRows)
    func changes(row: Row) throws {
        #expect(try ticks(row.text, row.zone, after: row.after, row.expected.count) == row.expected)
    }

    @Test("gives a tick that was skipped to whoever asks from just before the change")
    func edges() throws {
        let berlin = try CivilZone("Europe/Berlin")
        let expression = try CronExpression("30 2 * * *")
        let change = try instant("2024-03-31T01:00:00Z").millisecondsSince1970
        for back in [1, 500, 999, 1_000, 1_001, 3_600_000] as [Int64] {
            let tick = expression.next(after: WallTime(millisecondsSince1970: change - back), in: berlin)
            #expect(tick?.millisecondsSince1970 == change)
        }
        let later = expression.next(after: WallTime(millisecondsSince1970: change), in: berlin)
        #expect(later?.millisecondsSince1970 == change + 23 * 3_600_000 + 1_800_000)
    }

    @Test(
        "that never fires is known after one look at the whole calendar",
        arguments: [
            "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 L-29 2 ?", "0 0 30 2 */2",
        ])
    func never(text: String) throws {
        let expression = try CronExpression(text)
        #expect(!expression.fires)
        let clock = HostClock()
        let start = clock.now
        #expect(expression.next(after: try instant("2024-01-01T00:00:00Z"), in: try CivilZone("Europe/Berlin")) == nil)
        #expect(start.duration(to: clock.now) < .seconds(1))
    }

    @Test("gives nothing beyond the years that can be written, and takes any point in time")
    func extremes() throws {
        let expression = try CronExpression("* * * * * *")
        for zone in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
            let zone = try CivilZone(zone)
            #expect(expression.next(after: WallTime(millisecondsSince1970: .max), in: zone) == nil)
            #expect(expression.next(after: WallTime(millisecondsSince1970: 253_402_300_799_000), in: zone) == nil)
            #expect(expression.next(after: WallTime(millisecondsSince1970: .min), in: zone) != nil)
            let last = expression.next(after: WallTime(millisecondsSince1970: 253_402_300_798_999), in: zone)
            #expect(last?.millisecondsSince1970 == 253_402_300_799_000)
        }
    }

    @Test("knows its last tick before a time, without going through those before")
    func last() throws {
        let zone = try CivilZone("Europe/Berlin")
        let start = try instant("1990-01-01T00:00:00Z")
        let limit = try instant("2024-10-27T01:15:00Z")
        for (text, expected) in [
            ("* * * * * *", "2024-10-27T01:15:00.000Z"), ("*/30 * * * *", "2024-10-27T01:00:00.000Z"),
            ("30 2 * * *", "2024-10-27T00:30:00.000Z"), ("30 3 * * *", "2024-10-26T01:30:00.000Z"),
            ("0 0 29 2 *", "2024-02-28T23:00:00.000Z"), ("0 0 29 2 */7", "2004-02-28T23:00:00.000Z"),
        ] {
            #expect(try CronExpression(text).last(upTo: limit, after: start, in: zone)?.rfc3339 == expected)
        }
        let yearly = try CronExpression("@yearly")
        #expect(yearly.last(upTo: limit, after: try instant("2024-01-01T00:00:00Z"), in: .utc) == nil)
        #expect(yearly.last(upTo: start, after: limit, in: .utc) == nil)
        #expect(yearly.last(upTo: start, after: try instant("1989-12-31T23:59:59Z"), in: .utc) == start)
    }

    // MARK: Bad input

    @Test(
        "that is none is refused with the text, the field, and the reason",
        arguments: [
            ("", nil, "0 fields"), ("* * * *", nil, "4 fields"), ("* * * * * * *", nil, "years"),
            ("60 * * * *", "minute", "\"60\" lies outside of 0 to 59"), ("* 24 * * *", "hour", "\"24\""),
            ("60 * * * * *", "second", "\"60\""), ("* * 0 * *", "day-of-month", "\"0\" lies outside of 1 to 31"),
            ("* * 32 * *", "day-of-month", "\"32\""), ("* * * 13 *", "month", "\"13\""),
            ("* * * * 8", "day-of-week", "\"8\""),
            ("* * * FOO *", "month", "name such as JAN"), ("* * * * MOO", "day-of-week", "name such as MON"),
            ("5-1 * * * *", "minute", "\"5-1\" is a range that ends before it begins"),
            ("1-2-3 * * * *", "minute", "more than one -"),
            ("*/0 * * * *", "minute", "step that is no number from 1 to 60"), ("*/61 * * * *", "minute", "step"),
            ("*/2/3 * * * *", "minute", "more than one step"), ("1,,2 * * * *", "minute", "empty part"),
            (", * * * *", "minute", "empty part"), ("-5 * * * *", "minute", "\"-5\""),
            ("+5 * * * *", "minute", "\"+5\""),
            ("? * * * *", "minute", "has a ?"), ("* * 1X * *", "day-of-month", "\"1X\""),
            ("* * L-31 * *", "day-of-month", "L-31"),
            ("* * 32W * *", "day-of-month", "\"32W\""), ("* * W * *", "day-of-month", "\"W\""),
            ("* * * * 5#6", "day-of-week", "after the #"),
            ("* * * * 5#", "day-of-week", "after the #"), ("* * * * L", "day-of-week", "which weekday"),
            ("* * L * 9L", "day-of-week", "\"9L\""),
            ("@reboot", nil, "@hourly"), ("@daily 5", nil, "alone"),
            ("99999999999999999999 * * * *", "minute", "is not a number"),
            ("٣ * * * *", "minute", "\"٣\""), ("\u{1B}[31m * * * *", "minute", "\\u{1b}"),
            (String(repeating: "1,", count: 200) + "1 * * * *", nil, "255 are the most"),
        ] as [(String, String?, String)])
    func refusals(text: String, field: String?, reason: String) throws {
        let error = try #require(throws: InvalidCron.self) { _ = try CronExpression(text) }
        #expect(error.field == field)
        #expect(error.reason.contains(reason))
        #expect(error.description.hasPrefix(error.quotedText))
    }

    @Test("takes blanks and shorthands in any case, and is equal by what was written")
    func spelling() throws {
        #expect(try CronExpression("  0\t0  1 1 * ").text == "0 0 1 1 *")
        #expect(try CronExpression("0 0 1 1 *") == CronExpression(" 0 0 1  1 *"))
        #expect(try CronExpression("@Yearly").text == "@Yearly")
        #expect(try CronExpression("*/5 1 * * *").isWild && CronExpression("5 */2 * * *").isWild)
        #expect(try !CronExpression("0-59 1 * * *").isWild && !CronExpression("* 5 1 * * *").isWild)
    }

    @Test("needs a zone that exists", arguments: ["", "Europe/Atlantis", "Mars", "../etc/passwd", "Europe/Berlin\n"])
    func zones(text: String) throws {
        let error = try #require(throws: InvalidName.self) { _ = try CivilZone(text) }
        #expect(error.role == "time zone")
        #expect(error.quotedValue == NameRules.quoted(text))
    }
}
