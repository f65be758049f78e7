import ColonyCore
import Testing

@Suite("Durations and instants")
struct DurationTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("0s", .zero), ("30s", .seconds(30)), ("1.5m", .seconds(90)),
        ("12h", .seconds(43_200)), ("7d", .seconds(604_800)), ("0.1ms", .microseconds(100)),
        (".5s", .milliseconds(500)),
        ("36500d", .seconds(3_153_600_000)),
    ])
    func `a duration is a number and a unit`(text: String, duration: Duration) throws {
        #expect(try Duration(text: text) == duration)
    }

    @Test(arguments: [
        ("", "does not start with a number"), ("s", "does not start with a number"), ("30", "the unit is missing"),
        ("30 s", "the unit is not one of"), ("30sec", "the unit is not one of"), ("1e3s", "the unit is not one of"),
        ("-5s", "it is negative"), ("40000d", "longer than a century"), ("1..5s", "does not start with a number"),
        ("--5s", "does not start with a number"), ("½s", "does not start with a number"),
        ("nans", "does not start with"),
        ("infs", "does not start with"), ("٣s", "does not start with a number"),
        ("5-s", "does not start with a number"),
    ])
    func `what is not a duration is refused with the reason`(text: String, reason: String) {
        let error = #expect(throws: InvalidName.self) { try Duration(text: text) }
        #expect(error?.reason.contains(reason) == true, "\(String(describing: error))")
        #expect(error?.quotedValue == "\"\(text)\"")
        #expect(error?.role == "duration")
    }

    @Test(arguments: [
        (Duration.zero, "0 ms"), (.milliseconds(250), "250 ms"), (.milliseconds(999), "999 ms"), (.seconds(1), "1 s"),
        (.milliseconds(29_500), "29.5 s"), (.milliseconds(59_999), "59.9 s"), (.seconds(60), "1 m 0 s"),
        (.seconds(200), "3 m 20 s"), (.seconds(7_500), "2 h 5 m"), (.seconds(90_000), "1 d 1 h"),
        (.seconds(-5), "-5 s"), (.nanoseconds(1), "0 ms"),
    ])
    func `a duration is shown as people read it`(duration: Duration, text: String) {
        #expect(duration.text == text)
    }

    @Test func `durations beyond the range are kept at its end`() {
        #expect(Duration.seconds(Int64.max).clampedNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).clampedNanoseconds == .min)
        #expect(Duration.seconds(9_223_372_036).clampedNanoseconds == 9_223_372_036_000_000_000)
        #expect(Duration.seconds(9_223_372_037).clampedNanoseconds == .max)
        #expect(Duration.nanoseconds(Int64.max).clampedNanoseconds == .max)
        #expect(Duration.nanoseconds(-1).clampedNanoseconds == -1)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: -1).clampedNanoseconds == 0)
    }

    @Test func `instants stay within their range`() {
        let start = MonotonicInstant(nanoseconds: 5)
        #expect(start.advanced(by: .nanoseconds(7)).nanoseconds == 12)
        #expect(start.advanced(by: .nanoseconds(-7)).nanoseconds == -2)
        #expect(start.advanced(by: .seconds(Int64.max)).nanoseconds == .max)
        #expect(MonotonicInstant(nanoseconds: -5).advanced(by: .seconds(Int64.min)).nanoseconds == .min)
        #expect(start.duration(to: MonotonicInstant(nanoseconds: 8)) == .nanoseconds(3))
        #expect(MonotonicInstant(nanoseconds: .min).duration(to: start) == .nanoseconds(Int64.max))
        #expect(start.duration(to: MonotonicInstant(nanoseconds: .min)) == .nanoseconds(Int64.min))
    }

    @Test func `civil times stay within their range`() {
        let start = WallTime(millisecondsSince1970: 1_000)
        #expect(start.advanced(by: .milliseconds(1_500)).millisecondsSince1970 == 2_500)
        #expect(WallTime(millisecondsSince1970: .max).advanced(by: .seconds(1)).millisecondsSince1970 == .max)
        #expect(WallTime(millisecondsSince1970: .min).advanced(by: .seconds(-1)).millisecondsSince1970 == .min)
        // Any time after this was written and within the range of the format.
        #expect(SystemWallClock().now > WallTime(millisecondsSince1970: 1_767_225_600_000))
    }
}
