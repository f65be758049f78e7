import ColonyCaches
import ColonySimulation
import Testing

@Suite("What policies remember of keys")
struct FrequencySketchTests {
    @Test("a sketch counts never too low before it fades, and mostly exactly")
    func countsAreNeverTooLow() {
        var sketch = FrequencySketch(capacity: 1000)
        sketch.grow(toFit: 1000)
        var counts = [Int](repeating: 0, count: 900)
        var chance = SeededGenerator(seed: 11)
        for _ in 0..<6000 {
            let key = Int.random(in: 0..<900, using: &chance)
            counts[key] += 1
            sketch.add(DrivenOrder.hash(key))
        }
        var exact = 0
        for key in 0..<900 {
            let count = sketch.count(DrivenOrder.hash(key))
            #expect(count >= min(15, counts[key]))
            if count == min(15, counts[key]) { exact += 1 }
        }
        #expect(exact > 800, "\(exact) of 900")
    }

    @Test("a sketch halves its counts after ten times its entries")
    func countsFade() {
        var sketch = FrequencySketch(capacity: 100)
        sketch.grow(toFit: 100)
        sketch.add(DrivenOrder.hash(-1), times: 12)
        #expect(sketch.count(DrivenOrder.hash(-1)) == 12)
        for key in 0..<1000 { sketch.add(DrivenOrder.hash(key)) }
        #expect(sketch.count(DrivenOrder.hash(-1)) < 12)
    }

    @Test("a sketch keeps its counts as it grows")
    func countsSurviveGrowth() {
        var sketch = FrequencySketch(capacity: 100_000)
        for key in 0..<10 { sketch.add(DrivenOrder.hash(key), times: UInt64(key + 1)) }
        sketch.grow(toFit: 100_000)
        for key in 0..<10 { #expect(sketch.count(DrivenOrder.hash(key)) >= key + 1) }
        #expect(sketch.count(DrivenOrder.hash(5)) < 15)
    }

    @Test("ghosts are remembered for as long as the window says", arguments: [1, 10, 100, 5000])
    func ghostsLastForTheWindow(window: Int) {
        var ghosts = GhostTable(holding: window)
        let count = window * 4
        for key in 0..<count { ghosts.note(DrivenOrder.hash(key), window: window) }
        // A unit of time is a sixty-fourth of the window, and a full group has lost its oldest.
        let slack = window / 8 + 1
        let recent = (count - max(1, window - slack)..<count).filter {
            ghosts.take(DrivenOrder.hash($0), window: window)
        }
        #expect(recent.count >= max(1, window - slack) * 9 / 10)
        let old = (0..<count - window - slack).filter { ghosts.take(DrivenOrder.hash($0), window: window) }
        #expect(old.count <= 1 + window / 50, "\(old.count)")
        let again = (0..<count).filter { ghosts.take(DrivenOrder.hash($0), window: window) }
        #expect(again.count <= slack + 1 + window / 50, "what was taken is forgotten")
    }
}
