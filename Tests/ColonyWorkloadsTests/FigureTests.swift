import ColonyWorkloads
import Testing

@Suite("Figures are printed as people read them")
struct FigureTests {
    @Test(
        "a number keeps what matters and no more",
        arguments: [
            (0.1834, "0.183"), (0.5, "0.5"), (1, "1"), (12.34, "12.3"), (123.4, "123"), (1_534_021.4, "1,534,021"),
            (-1_000, "-1,000"), (40_000, "40,000"), (9.999, "10"), (0, "0"),
        ] as [(Double, String)]
    )
    func text(value: Double, expected: String) {
        #expect(Figure.text(value) == expected)
    }

    @Test("percentiles name samples that were seen")
    func percentiles() {
        let ranked = Percentiles((1...100).map { Duration.microseconds($0) })
        #expect(ranked.medianMicroseconds == 50)
        #expect(ranked.p99Microseconds == 99)
        let single = Percentiles([Duration.microseconds(7)])
        #expect(single.medianMicroseconds == 7)
        #expect(single.p99Microseconds == 7)
    }

    @Test("a target compares the figure or the fact that it names, and a missing fact is a miss")
    func targets() {
        var measurement = Measurement(
            workload: "w", title: "t", figure: 10, unit: "ms", count: 1, target: .atMost(10, "ms"))
        #expect(measurement.isTargetMet == true)
        measurement.target = .atLeast(60, "%", of: "share of the bound")
        #expect(measurement.isTargetMet == false)
        measurement.facts = [.init("share of the bound", 60, "%")]
        #expect(measurement.isTargetMet == true)
    }
}
