/// The hit ratio that no policy can pass, because it knows what is asked for next.
///
/// Belady's rule gives up the entry whose next use is the farthest away. It needs the whole trace: first, from the end to
/// the start, when each request's key is asked for again; then, from start to end, a heap of the next uses of what is
/// in the cache. A hit puts a new next use on the heap and leaves the old one there, which is the present moment
/// and so never again the farthest; the heap is cleared of such leftovers when they outnumber the entries.
///
/// As with the policies, whatever is asked for is put in, even if it is never asked for again.
///
/// - Complexity: O(*n* log *c*) for *n* requests and *c* entries; 8 bytes per request.
/// - SeeAlso: Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966.
public struct BeladyOptimum {
    private let keys: [UInt32]
    private let distinct: Int
    /// When the key of each request is asked for again. Requests whose key never is have places beyond the end, each its own.
    private let next: [UInt32]

    /// Looks for the next uses of a trace of less than 2^31 requests.
    public init(_ trace: Trace) {
        precondition(trace.keys.count < 1 << 31, "a trace of \(trace.keys.count) requests is too long")
        self.keys = trace.keys
        self.distinct = trace.distinct
        var last = [UInt32](repeating: .max, count: trace.distinct)
        var next = [UInt32](repeating: 0, count: trace.keys.count)
        var never = UInt32(trace.keys.count)
        for place in trace.keys.indices.reversed() {
            let key = Int(trace.keys[place])
            if last[key] == .max {
                next[place] = never
                never += 1
            } else {
                next[place] = last[key]
            }
            last[key] = UInt32(place)
        }
        self.next = next
    }

    /// How many requests of the trace hit in a cache of so many entries; from 1.
    public func hits(size: Int) -> Int {
        var hits = 0
        /// The next use of each key that is in the cache; zero for none, since nothing is used next at zero.
        var uses = [UInt32](repeating: 0, count: self.distinct)
        /// The keys of the uses beyond the end.
        var owners = [UInt32](repeating: 0, count: self.distinct)
        var count = 0
        var heap = FarthestFirst()
        let end = UInt32(self.keys.count)
        for place in self.keys.indices {
            let key = Int(self.keys[place])
            if uses[key] != 0 {
                hits += 1
            } else if count < size {
                count += 1
            } else if let farthest = heap.removeFarthest() {
                let victim = farthest < end ? self.keys[Int(farthest)] : owners[Int(farthest - end)]
                uses[Int(victim)] = 0
            }
            let use = self.next[place]
            uses[key] = use
            if use >= end { owners[Int(use - end)] = UInt32(key) }
            heap.insert(use)
            if heap.count > 4 * size + 64 { heap.removeAll(upTo: UInt32(place)) }
        }
        return hits
    }
}

/// A heap with the greatest number on top.
private struct FarthestFirst {
    private var heap: [UInt32] = []

    var count: Int { self.heap.count }

    mutating func insert(_ use: UInt32) {
        self.heap.append(use)
        self.heap.withUnsafeMutableBufferPointer { heap in
            var place = heap.count - 1
            while place > 0, heap[(place - 1) / 2] < use {
                heap[place] = heap[(place - 1) / 2]
                place = (place - 1) / 2
            }
            heap[place] = use
        }
    }

    mutating func removeFarthest() -> UInt32? {
        guard let top = self.heap.first, let last = self.heap.popLast() else { return nil }
        if !self.heap.isEmpty { Self.sink(last, from: 0, &self.heap) }
        return top
    }

    /// Removes what is at `now` or before.
    mutating func removeAll(upTo now: UInt32) {
        self.heap.removeAll { $0 <= now }
        for place in stride(from: self.heap.count / 2 - 1, through: 0, by: -1) {
            Self.sink(self.heap[place], from: place, &self.heap)
        }
    }

    private static func sink(_ use: UInt32, from start: Int, _ heap: inout [UInt32]) {
        heap.withUnsafeMutableBufferPointer { heap in
            var place = start
            while true {
                var child = 2 * place + 1
                if child >= heap.count { break }
                if child + 1 < heap.count, heap[child + 1] > heap[child] { child += 1 }
                if heap[child] <= use { break }
                heap[place] = heap[child]
                place = child
            }
            heap[place] = use
        }
    }
}
