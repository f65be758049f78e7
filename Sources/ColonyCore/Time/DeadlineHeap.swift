/// A priority queue of deadlines from which any entry can be removed: a binary heap whose entries know their place.
///
/// The heap of swift-collections gives up only its ends. Timers are cancelled far more often than they fire, and a queue
/// that keeps cancelled entries until their time comes grows with the rate of cancellations.
///
/// - Complexity: Insertion and removal O(log *n*); the earliest O(1). Inlinable, because it is used for each lease taken.
@usableFromInline
package struct DeadlineHeap<Value> {
    /// An entry's handle; only the heap that made it may be given it back.
    @usableFromInline
    package final class Entry {
        @usableFromInline package let deadline: MonotonicInstant
        @usableFromInline package let value: Value
        @usableFromInline var index: Int

        @inlinable
        init(deadline: MonotonicInstant, value: Value, index: Int) {
            self.deadline = deadline
            self.value = value
            self.index = index
        }
    }

    @inlinable
    static var absent: Int { -1 }
    @usableFromInline var entries: [Entry] = []

    @inlinable
    package init() {}

    @inlinable
    package var count: Int { self.entries.count }
    @inlinable
    package var isEmpty: Bool { self.entries.isEmpty }
    @inlinable
    package var earliest: MonotonicInstant? { self.entries.first?.deadline }

    @inlinable
    package mutating func insert(_ value: Value, at deadline: MonotonicInstant) -> Entry {
        let entry = Entry(deadline: deadline, value: value, index: self.entries.count)
        self.entries.append(entry)
        self.siftUp(from: entry.index)
        return entry
    }

    /// Removes an entry; an entry that is no longer in the heap is left alone.
    @inlinable
    @discardableResult
    package mutating func remove(_ entry: Entry) -> Bool {
        let index = entry.index
        guard index != Self.absent else { return false }
        let last = self.entries.removeLast()
        entry.index = Self.absent
        if last !== entry {
            self.place(last, at: index)
            self.siftUp(from: index)
            self.siftDown(from: last.index)
        }
        return true
    }

    /// Removes and gives the earliest entry if its time has come.
    @inlinable
    package mutating func popDue(at now: MonotonicInstant) -> Entry? {
        guard let first = self.entries.first, first.deadline <= now else { return nil }
        self.remove(first)
        return first
    }

    @inlinable
    mutating func place(_ entry: Entry, at index: Int) {
        self.entries[index] = entry
        entry.index = index
    }

    @inlinable
    mutating func siftUp(from start: Int) {
        let entry = self.entries[start]
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard entry.deadline < self.entries[parent].deadline else { break }
            self.place(self.entries[parent], at: index)
            index = parent
        }
        self.place(entry, at: index)
    }

    @inlinable
    mutating func siftDown(from start: Int) {
        let entry = self.entries[start]
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < self.entries.count else { break }
            if child + 1 < self.entries.count, self.entries[child + 1].deadline < self.entries[child].deadline {
                child += 1
            }
            guard self.entries[child].deadline < entry.deadline else { break }
            self.place(self.entries[child], at: index)
            index = child
        }
        self.place(entry, at: index)
    }
}
