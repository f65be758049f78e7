import ColonyConformance
import ColonyCore
import ColonyMemory
import Foundation
import Synchronization
import Testing

@Suite("Conformance report", .timeLimit(.minutes(5)))
struct ConformanceReportTests {
    private let report = ConformanceReport(
        engine: "memory", guarantee: "(process, nothing)", capabilities: ["administration"],
        entries: [
            .init(name: "a", property: .exclusivity, outcome: .passed, milliseconds: 1),
            .init(name: "b", property: .exclusivity, outcome: .skipped("the engine has no fairness"), milliseconds: 0),
            .init(name: "long name", property: .tokens, outcome: .failed("token 1 must exceed 2"), milliseconds: 5),
            .init(name: "c", property: .names, outcome: .passed, milliseconds: 1),
            .init(name: "d", property: .fairness, outcome: .skipped("the engine has no fairness"), milliseconds: 0),
        ])

    @Test func `the matrix has cases down and engines across`() {
        let other = ConformanceReport(
            engine: "another engine", guarantee: "", capabilities: [],
            entries: [.init(name: "a", property: .exclusivity, outcome: .skipped("no server"), milliseconds: 0)])
        #expect(
            ConformanceReport.matrix(of: [self.report, other]) == """
                           memory  another engine
                a          pass    skip 1
                b          skip 2  -
                long name  FAIL    -
                c          pass    -
                d          skip 2  -
                skip 1: no server
                skip 2: the engine has no fairness
                """)
    }

    @Test func `the text has the table of guarantees, the failures, and the sum`() {
        let text = self.report.text
        #expect(text.contains("exclusivity  verified in part, 1 skipped"))
        #expect(text.contains("tokens       VIOLATED"))
        #expect(text.contains("names        verified\n"))
        #expect(text.contains("fairness     not verified"))
        #expect(text.contains("FAILED long name: token 1 must exceed 2"))
        #expect(text.hasSuffix("2 passed, 1 failed, 2 skipped"))
    }

    @Test func `what was skipped never counts as passed`() {
        #expect(!self.report.isPassed)
        let skipped = ConformanceReport(
            engine: "", guarantee: "", capabilities: [],
            entries: [.init(name: "a", property: .names, outcome: .skipped("why"), milliseconds: 0)])
        #expect(!skipped.isPassed)
        #expect(skipped.verdict(on: .names) == .unverified)
    }

    @Test func `the report survives JSON`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let data = try encoder.encode(self.report)
        #expect(try JSONDecoder().decode(ConformanceReport.self, from: data) == self.report)
        let text = String(decoding: data, as: UTF8.self)
        #expect(
            text.contains(
                #"{"milliseconds":5,"name":"long name","outcome":{"message":"token 1 must exceed 2","result":"failed"},"property":"tokens"}"#
            ))
    }

    @Test func `the cases have names of their own, and each property has cases`() {
        let names = LeaseConformance.cases.map(\.name)
        #expect(Set(names).count == names.count)
        for property in LeaseCase.Property.allCases {
            #expect(LeaseConformance.cases.contains { $0.property == property }, "\(property)")
        }
    }

    @Test func `an engine that cannot be made fails with the reason`() async {
        struct NoServer: Error, CustomStringConvertible {
            var description: String { "connection refused" }
        }
        let harness = LiveLeaseHarness { throw NoServer() }
        let report = await LeaseConformance.run(on: harness, cases: Array(LeaseConformance.cases.prefix(2)))
        #expect(report.entries.map(\.outcome) == [.failed("connection refused"), .failed("connection refused")])
        #expect(report.engine == "an engine that could not be made")
    }

    @Test func `a case that never ends fails at its limit`() async {
        let check = LeaseCase("never ends", .waiting) { _ in
            // Deaf to cancellation, as a library that blocks would be.
            await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        }
        let entry = await check.run(on: ManualLeaseHarness(), limit: .milliseconds(50))
        #expect(entry.outcome == .failed("it did not end within 50 ms of real time"))
    }

    @Test func `what a slow machine cannot prove is tried with longer leases, and skipped in the end`() async throws {
        let engine = MemoryLeaseEngine()
        let scales = Mutex<[Double]>([])
        let check = LeaseCase("needs a lease of four seconds", .renewal) { context in
            scales.withLock { $0.append(context.harness.timeScale) }
            if context.scaled(.seconds(10)) < .seconds(4) { throw Inconclusive("the lease ran out too soon") }
        }
        #expect(await check.run(on: LiveLeaseHarness(timeScale: 0.05) { engine }).outcome == .passed)
        #expect(scales.withLock { $0.map { ($0 * 100).rounded() } } == [5, 15, 45])

        scales.withLock { $0 = [] }
        let outcome = await check.run(on: LiveLeaseHarness(timeScale: 0.01) { engine }).outcome
        guard case .skipped(let reason) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.contains("too slow"))
        #expect(scales.withLock(\.count) == 3)
    }

    @Test func `on a clock that is moved, the durations stay what they are`() async {
        let scales = Mutex<[Double]>([])
        let check = LeaseCase("proves nothing", .renewal) { context in
            scales.withLock { $0.append(context.harness.timeScale) }
            throw Inconclusive("it never proves anything")
        }
        _ = await check.run(on: ManualLeaseHarness())
        #expect(scales.withLock { $0 } == [1, 1, 1])
    }

    @Test func `progress is told for each case`() async {
        var begun: [String] = []
        var ended: [String] = []
        let cases = Array(LeaseConformance.cases.prefix(3))
        _ = await LeaseConformance.run(on: ManualLeaseHarness(), cases: cases) { progress in
            switch progress {
            case .began(let check, let number, let count):
                #expect(number == begun.count + 1 && count == 3)
                begun.append(check.name)
            case .ended(let entry):
                ended.append(entry.name)
            }
        }
        #expect(begun == cases.map(\.name))
        #expect(ended == begun)
    }
}
