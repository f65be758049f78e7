import ColonyCore
import Testing

@Suite("Deadline heap")
struct DeadlineHeapTests {
    /// Random insertions, removals, and due entries, against a list that is searched from end to end.
    @Test func `it agrees with a naive model`() throws {
        for seed in 1...200 { try self.compare(seed: UInt64(seed)) }
    }

    private struct Disagreement: Error {
        let seed: UInt64
        let what: String
    }

    private func compare(seed: UInt64) throws {
        // Compared by hand, because a million expectations take longer than all else.
        func agree(_ condition: Bool, _ what: String) throws {
            if !condition { throw Disagreement(seed: seed, what: what) }
        }
        var generator = FixedGenerator(state: seed)
        var heap = DeadlineHeap<Int>()
        var handles: [Int: DeadlineHeap<Int>.Entry] = [:]
        var gone: [DeadlineHeap<Int>.Entry] = []
        var model: [(deadline: Int64, id: Int)] = []
        for step in 0..<1_000 {
            let earliest = model.lazy.map(\.deadline).min()
            try agree(heap.count == model.count && heap.isEmpty == model.isEmpty, "count")
            try agree(heap.earliest?.nanoseconds == earliest, "earliest")
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...4:
                // Few different deadlines, so that many are equal.
                let deadline = Int64.random(in: 0..<50, using: &generator)
                handles[step] = heap.insert(step, at: MonotonicInstant(nanoseconds: deadline))
                model.append((deadline, step))
            case 5...6:
                guard let index = model.indices.randomElement(using: &generator) else { break }
                guard let handle = handles.removeValue(forKey: model.remove(at: index).id) else { break }
                try agree(heap.remove(handle), "removal")
                try agree(!heap.remove(handle), "repeated removal")
                gone.append(handle)
            case 7:
                guard let handle = gone.randomElement(using: &generator) else { break }
                try agree(!heap.remove(handle), "removal of what came out before")
            default:
                let now = Int64.random(in: 0..<50, using: &generator)
                let due = heap.popDue(at: MonotonicInstant(nanoseconds: now))
                guard let earliest, earliest <= now else {
                    try agree(due == nil, "nothing is due")
                    break
                }
                try agree(due?.deadline.nanoseconds == earliest, "what is due")
                let index = model.firstIndex { $0.id == due?.value && $0.deadline == earliest }
                try agree(index != nil, "what came out was in")
                if let index, let due {
                    handles[model.remove(at: index).id] = nil
                    gone.append(due)
                }
            }
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
