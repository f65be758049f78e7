import ColonyCore
import Testing

@Suite("Times as RFC 3339 writes them")
struct RFC3339Tests {
    @Test func `what is written is read again, over ten thousand years`() {
        for index in stride(from: Int64(-62_135_596_800_000), to: 253_402_300_799_999, by: 8_640_000_017_123) {
            let time = WallTime(millisecondsSince1970: index)
            #expect(WallTime(rfc3339: time.rfc3339) == time)
        }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1985-04-12T23:20:50.52Z", 482_196_050_520),
        ("1996-12-19T16:39:57-08:00", 851_042_397_000), ("1990-12-31T23:59:60Z", 662_688_000_000),
        ("1937-01-01T12:00:27.87+00:20", -1_041_337_172_130), ("2024-02-29t00:00:00.123456789z", 1_709_164_800_123),
        ("0000-01-01T00:00:00Z", -62_167_219_200_000), ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ])
    func `examples, those of the RFC among them`(text: String, milliseconds: Int64) {
        #expect(WallTime(rfc3339: text)?.millisecondsSince1970 == milliseconds)
    }

    @Test(arguments: [
        "", "2024", "2024-01-01", "2024-01-01T00:00:00", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-04-31T00:00:00Z", "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx",
        "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+0100", "2024-1-1T00:00:00Z", "٢٠٢٤-01-01T00:00:00Z",
        "+024-01-01T00:00:00Z", "2024-01-01 00:00:00Z",
    ])
    func `what is no such time is refused`(text: String) {
        #expect(WallTime(rfc3339: text) == nil)
    }
}
