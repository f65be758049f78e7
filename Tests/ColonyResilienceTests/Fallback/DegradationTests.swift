import ColonyCore
import ColonyResilience
import ColonySimulation
import Testing

@Suite("Degradation")
struct DegradationTests {
    @Test func `what an operator sets holds until it is taken back`() async throws {
        let feature = DegradationSwitch("search", grades: try LoadGrades())
        #expect(feature.level == .full)
        feature.force(.minimal)
        feature.report(load: 0.1)
        #expect(feature.level == .minimal)
        #expect(feature.forcedLevel == .minimal)
        feature.report(load: 0.75)
        feature.force(nil)
        #expect(feature.level == .reduced, "the load rules again")
    }

    @Test func `a feature that is off refuses calls before they start`() async throws {
        let feature = DegradationSwitch("search")
        for level in DegradationLevel.allCases {
            feature.force(level)
            let script = Script([nil])
            if level == .off {
                let error = await #expect(throws: ResilienceError.self) {
                    try await feature.execute { try script.run() }
                }
                #expect(error?.code == .disabled)
                #expect(error?.message.contains("search") == true)
                #expect(script.runs == 0)
            } else {
                #expect(try await feature.execute { try script.run() } == 1)
            }
        }
    }

    @Test func `load goes up at once and comes back step by step after a while`() throws {
        let clock = ManualClock()
        let grades = try LoadGrades(reducedFrom: 0.5, minimalFrom: 0.7, offFrom: 0.9, gap: 0.1, recovery: .seconds(10))
        let feature = DegradationSwitch("search", grades: grades, clock: clock)
        func after(_ seconds: Int, _ load: Double) -> DegradationLevel {
            clock.advance(by: .seconds(seconds))
            feature.report(load: load)
            return feature.level
        }
        #expect(after(0, 0.49) == .full)
        #expect(after(1, 0.5) == .reduced)
        #expect(after(1, 0.95) == .off)
        #expect(after(1, 0.85) == .off, "within the gap it does not count as calm")
        #expect(after(60, 0.85) == .off)
        #expect(after(1, 0.3) == .off, "the calm begins here")
        #expect(after(9, 0.3) == .off)
        #expect(after(1, 0.3) == .minimal)
        #expect(after(1, 0.65) == .minimal, "the calm is interrupted")
        #expect(after(1, 0.3) == .minimal)
        #expect(after(10, 0.3) == .reduced)
        #expect(after(10, 0.3) == .full)
        #expect(after(1, .nan) == .off, "who cannot measure is in trouble")
    }

    @Test func `the level never flickers, whatever the loads are`() throws {
        for seed in Seed(rawValue: 1).followed(by: 100) {
            var generator = SeededGenerator(seed: seed)
            let clock = ManualClock()
            let grades = try LoadGrades(
                reducedFrom: 0.5, minimalFrom: 0.6, offFrom: 0.7, gap: 0.2, recovery: .seconds(5))
            let feature = DegradationSwitch("search", grades: grades, clock: clock)
            var lastChange = clock.now
            for _ in 0..<300 {
                clock.advance(by: .milliseconds(Int64.random(in: 100...900, using: &generator)))
                let former = feature.level
                let load = Double.random(in: 0...0.8, using: &generator)
                feature.report(load: load)
                if feature.level < former {
                    #expect(load < 0.5, "seed \(seed)")
                    #expect(lastChange.duration(to: clock.now) >= .seconds(5), "seed \(seed)")
                    #expect(feature.level.rawValue == former.rawValue - 1, "seed \(seed)")
                }
                if feature.level != former { lastChange = clock.now }
            }
        }
    }

    @Test func `changes are told in their order`() async throws {
        let feature = DegradationSwitch("search")
        let changes = feature.changes()
        feature.force(.reduced)
        feature.force(.reduced)
        feature.force(nil)
        var iterator = changes.makeAsyncIterator()
        let first = await iterator.next()
        #expect(first?.from == .full && first?.to == .reduced && first?.isForced == true)
        let second = await iterator.next()
        #expect(second?.from == .reduced && second?.to == .full && second?.isForced == false)
    }

    @Test func `a list has one switch for each name`() throws {
        let degradation = Degradation()
        let search = try degradation.feature("search", grades: LoadGrades())
        #expect(try degradation.feature("search") === search)
        _ = try degradation.feature("images")
        #expect(degradation.features.map(\.name) == ["images", "search"])
        degradation.report(load: 0.9)
        #expect(degradation.features.map(\.level) == [.full, .minimal])
        for bad in ["", "a\nb", String(repeating: "x", count: 256)] {
            let error = #expect(throws: ResilienceError.self) { try degradation.feature(bad) }
            #expect(error?.code == .invalidConfiguration)
        }
    }

    @Test func `levels are read as they are written`() {
        for level in DegradationLevel.allCases { #expect(DegradationLevel(text: level.description) == level) }
        #expect(DegradationLevel(text: "on") == nil)
    }

    @Test func `grades that cannot work are refused with their value`() {
        func message(_ body: () throws -> LoadGrades) -> String? {
            let error = #expect(throws: ResilienceError.self) { _ = try body() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message
        }
        #expect(message { try LoadGrades(reducedFrom: 0) }?.contains("0.0") == true)
        #expect(message { try LoadGrades(reducedFrom: .nan) }?.contains("nan") == true)
        #expect(message { try LoadGrades(reducedFrom: 0.8, minimalFrom: 0.7) }?.contains("0.7") == true)
        #expect(message { try LoadGrades(offFrom: .nan) }?.contains("nan") == true)
        #expect(message { try LoadGrades(gap: 0.7) }?.contains("0.7") == true)
        #expect(message { try LoadGrades(gap: -.infinity) }?.contains("-inf") == true)
        #expect(message { try LoadGrades(recovery: .seconds(-1)) }?.contains("-1") == true)
    }
}
