import ColonyQueues
import HeapModule

/// The messages of one priority that can be delivered, in the order of delivery: by their turns, then by number.
///
/// Where keys do not take turns, all turns are the same. Where they do, a message gets the turn after the last one of its key, and none
/// before those that have been delivered: start-time fair queueing with messages of one length (P. Goyal, H. Vin, H. Cheng, 1996). What
/// has left is taken out when it comes to the top.
///
/// - Complexity: O(log *n*) per operation, amortised, in the number of messages.
struct ReadyMessages {
    private struct Place: Comparable {
        let turn: Int64
        let id: MessageID
        static func < (first: Self, second: Self) -> Bool { (first.turn, first.id) < (second.turn, second.id) }
    }

    private var heap = Heap<Place>()
    /// The last turn that each key was given, by the bytes of the key; those that are over may be missing.
    private var last: [[UInt8]?: Int64] = [:]
    private var highest: Int64 = 0
    private var tidyCount = 64

    mutating func insert(_ id: MessageID, turn: Int64) {
        self.heap.insert(Place(turn: turn, id: id))
    }

    /// The turn of one more message.
    ///
    /// - Parameters:
    ///   - key: Messages without one take turns as if they had one in common.
    ///   - isNext: Whether it takes part in the turn that is next, because it has had its own and did not use it.
    mutating func takeTurn(
        of key: [UInt8]?, isNext: Bool, among entries: [MessageID: MemoryQueue.Entry]
    ) -> Int64 {
        let first = self.first(among: entries)?.turn
        let next = first ?? self.highest + 1
        let turn = isNext ? first ?? self.highest : max(next, (self.last[key] ?? 0) + 1)
        self.last[key] = max(turn, self.last[key] ?? 0)
        self.highest = max(turn, self.highest)
        if self.last.count > self.tidyCount {
            // A turn before the next one says no more than none.
            self.last = self.last.filter { $0.value >= min(next, turn) }
            self.tidyCount = max(64, 2 * self.last.count)
        }
        return turn
    }

    /// Takes the first out.
    mutating func popFirst(among entries: [MessageID: MemoryQueue.Entry]) -> MessageID? {
        guard let first = self.first(among: entries) else { return nil }
        self.heap.removeMin()
        return first.id
    }

    private mutating func first(among entries: [MessageID: MemoryQueue.Entry]) -> Place? {
        while let first = self.heap.min {
            if case .ready(first.turn) = entries[first.id]?.standing { return first }
            self.heap.removeMin()
        }
        return nil
    }
}
