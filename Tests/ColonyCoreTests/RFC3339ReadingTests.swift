import ColonyCore
import Testing

@Suite struct RFC3339ReadingTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1),
            ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
            ("2026-11-27T15:00:00+01:00", 1_795_788_000_000), ("2026-11-27t14:00:00z", 1_795_788_000_000),
            ("2026-11-27 09:30:00-04:30", 1_795_788_000_000), ("1969-12-31T23:59:59.9Z", -100),
            ("1990-12-31T23:59:60Z", 662_687_999_000), ("2026-11-27T14:00:00.1239999Z", 1_795_788_000_123),
        ] as [(String, Int64)])
    func `what RFC 3339 writes is read`(text: String, milliseconds: Int64) {
        #expect(WallTime(rfc3339: text)?.millisecondsSince1970 == milliseconds)
    }

    @Test(arguments: [
        "", "2026-11-27", "2026-11-27T14:00:00", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00Zx",
        "26-01-01T00:00:00Z", "2026-01-01T00:00:00+24:00", "tomorrow",
    ])
    func `what it does not write is refused`(text: String) {
        #expect(WallTime(rfc3339: text) == nil)
    }

    @Test func `what is written is read back, over four hundred years`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<10_000 {
            let time = WallTime(
                millisecondsSince1970: .random(in: -6_000_000_000_000...6_000_000_000_000, using: &generator))
            #expect(WallTime(rfc3339: time.rfc3339) == time, "\(time)")
        }
    }
}
