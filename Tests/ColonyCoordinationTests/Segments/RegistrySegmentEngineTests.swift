import ColonyConformance
import ColonyCoordination
import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import Testing

@Suite("Segments on a registry", .timeLimit(.minutes(2)))
struct RegistrySegmentEngineTests {
    @Test(arguments: SegmentConformance.cases)
    func `keep the promises of the segment port`(check: SegmentCase) async {
        let registry = MemoryLeaseEngine()
        let outcome = await check.run(on: LiveSegmentHarness(effort: 0.5) { RegistrySegmentEngine(registry) })
        #expect(outcome == .passed)
    }

    @Test func `a record that nothing of this kind wrote is refused and left as it is`() async throws {
        let registry = MemoryLeaseEngine()
        let foreign = Array("ten".utf8)
        _ = try await registry.put(RegistryWrite(foreign, for: "a"), in: RegistrySegmentEngine.group)
        let engine = RegistrySegmentEngine(registry)
        let error = await #expect(throws: IdentifierError.self) {
            try await engine.takeSegment(SegmentRequest("a", count: 10))
        }
        #expect(error?.code == .storageFailed && error?.message.contains("ten") == true)
        #expect(try await registry.snapshot(of: RegistrySegmentEngine.group)["a"]?.value == foreign)
    }

    @Test func `a refusal counts on what the store has, not on what was remembered`() async throws {
        let registry = MemoryLeaseEngine()
        let engine = RegistrySegmentEngine(registry)
        _ = try await engine.takeSegment(SegmentRequest("a", count: 1, scheme: "old"))
        // Somebody has removed the tag, so that it may begin anew.
        try await registry.removeRecord("a", from: RegistrySegmentEngine.group, if: .always)
        #expect(try await engine.takeSegment(SegmentRequest("a", count: 2, scheme: "new")).range == 1..<3)
    }
}
