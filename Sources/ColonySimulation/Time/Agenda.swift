public import ColonyCore

/// What is to happen in a simulation, and when: the heart of one that is made of values instead of tasks.
///
/// ```swift
/// var agenda = Agenda<Happening>()
/// agenda.add(.arrival(packet), at: start)
/// while let (now, happening) = agenda.next(until: end) { … }
/// ```
///
/// What is to happen at the same instant happens in the order in which it was added, so a run depends on nothing but what is added.
///
/// - Complexity: O(log *n*) to add and to take; an entry is two words beside what it carries.
public struct Agenda<Happening> {
    fileprivate struct Entry {
        let instant: MonotonicInstant
        let number: UInt64
        let happening: Happening

        static func < (first: Entry, second: Entry) -> Bool {
            first.instant == second.instant ? first.number < second.number : first.instant < second.instant
        }
    }

    /// A binary heap, the earliest first.
    private var entries: [Entry] = []
    private var added: UInt64 = 0

    /// The time of the simulation: that of what has happened last.
    public private(set) var now: MonotonicInstant
    /// How much has happened.
    public private(set) var taken: UInt64 = 0

    /// Makes an agenda on which there is nothing.
    public init(startingAt now: MonotonicInstant = MonotonicInstant(nanoseconds: 0)) {
        self.now = now
    }

    /// How much is to happen.
    public var count: Int { self.entries.count }

    /// Adds what is to happen at an instant; at once, if that is over.
    public mutating func add(_ happening: Happening, at instant: MonotonicInstant) {
        self.entries.append(Entry(instant: max(instant, self.now), number: self.added, happening: happening))
        self.added += 1
        var index = self.entries.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard self.entries[index] < self.entries[parent] else { break }
            self.entries.swapAt(index, parent)
            index = parent
        }
    }

    /// Takes what happens next, and moves time there; `nil` if nothing does up to `end`: then it is `end`.
    public mutating func next(until end: MonotonicInstant) -> (at: MonotonicInstant, Happening)? {
        guard let first = self.entries.first, first.instant <= end else {
            self.now = max(self.now, end)
            return nil
        }
        let last = self.entries.removeLast()
        if !self.entries.isEmpty {
            self.entries[0] = last
            self.sink()
        }
        self.now = first.instant
        self.taken += 1
        return (first.instant, first.happening)
    }

    private mutating func sink() {
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < self.entries.count else { return }
            if child + 1 < self.entries.count, self.entries[child + 1] < self.entries[child] { child += 1 }
            guard self.entries[child] < self.entries[index] else { return }
            self.entries.swapAt(index, child)
            index = child
        }
    }
}

extension Agenda.Entry: Sendable where Happening: Sendable {}
extension Agenda: Sendable where Happening: Sendable {}
