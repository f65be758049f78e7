import ColonyCore
import Testing

@Suite("Deadline heap")
struct DeadlineHeapTests {
    private struct Model {
        var entries: [(deadline: Int64, id: Int)] = []
    }

    /// Random insertions, removals, and due entries, against a list that is searched from end to end.
    @Test(arguments: 1...200)
    func `it agrees with a naive model`(seed: Int) {
        var generator = FixedGenerator(state: UInt64(seed))
        var heap = DeadlineHeap<Int>()
        var handles: [Int: DeadlineHeap<Int>.Entry] = [:]
        var gone: [DeadlineHeap<Int>.Entry] = []
        var model = Model()
        var nextID = 0
        for _ in 1...1_000 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...4:
                // Few different deadlines, so that many are equal.
                let deadline = Int64.random(in: 0..<50, using: &generator)
                handles[nextID] = heap.insert(nextID, at: MonotonicInstant(nanoseconds: deadline))
                model.entries.append((deadline, nextID))
                nextID += 1
            case 5...6:
                guard let index = model.entries.indices.randomElement(using: &generator) else { break }
                let id = model.entries.remove(at: index).id
                if let handle = handles.removeValue(forKey: id) {
                    let answers = (heap.remove(handle), heap.remove(handle))
                    #expect(answers == (true, false))
                    gone.append(handle)
                }
            case 7:
                guard let handle = gone.randomElement(using: &generator) else { break }
                let isRemoved = heap.remove(handle)
                #expect(!isRemoved)
            default:
                let now = Int64.random(in: 0..<50, using: &generator)
                let due = heap.popDue(at: MonotonicInstant(nanoseconds: now))
                let earliest = model.entries.map(\.deadline).min()
                if let earliest, earliest <= now {
                    #expect(due?.deadline.nanoseconds == earliest)
                    let index = model.entries.firstIndex { $0.id == due?.value }
                    if let index { #expect(model.entries.remove(at: index).deadline == earliest) }
                    #expect(index != nil, "an entry came out that was not in")
                    if let due { gone.append(due) }
                    if let id = due?.value { handles[id] = nil }
                } else {
                    #expect(due == nil)
                }
            }
            #expect(heap.count == model.entries.count)
            #expect(heap.isEmpty == model.entries.isEmpty)
            #expect(heap.earliest?.nanoseconds == model.entries.map(\.deadline).min())
        }
    }

    @Test func `everything comes out in order`() {
        var generator = FixedGenerator(state: 77)
        var heap = DeadlineHeap<Int64>()
        let deadlines = (1...5_000).map { _ in Int64.random(in: 0...1_000, using: &generator) }
        for deadline in deadlines { _ = heap.insert(deadline, at: MonotonicInstant(nanoseconds: deadline)) }
        var out: [Int64] = []
        while let entry = heap.popDue(at: MonotonicInstant(nanoseconds: .max)) { out.append(entry.value) }
        #expect(out == deadlines.sorted())
    }
}
