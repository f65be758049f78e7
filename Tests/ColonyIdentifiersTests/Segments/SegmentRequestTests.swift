import ColonyIdentifiers
import Testing

@Suite struct SegmentRequestTests {
    @Test func `the first range of a tag starts at one`() throws {
        let decision = try SegmentRequest("orders", count: 10).decided(from: nil)
        #expect(decision.segment.range == 1..<11)
        #expect(decision.record == SegmentRecord(tag: "orders", next: 11, segments: 1, scheme: nil))
    }
}
