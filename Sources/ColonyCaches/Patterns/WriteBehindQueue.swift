/// What a ``WriteBehind`` decides: which changes wait, which are being written, and what comes next. A value without I/O.
///
/// A key is in the line once, however often it changes, and in one batch at a time; a change that comes while an earlier one
/// is being written waits beside it. So changes of a key reach the store in their order, and some are left out.
struct WriteBehindQueue<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    typealias Change = WriteBehindChange<Key, Value>

    private struct Entry {
        /// The latest change.
        var value: Value?
        /// The number of the latest change.
        var number: UInt64
        /// The number of the change that is being written; `nil` if none is.
        var writing: UInt64?
    }

    private var entries: [Key: Entry] = [:]
    /// The keys that wait, in order, from `head` on.
    private var line: [Key] = []
    private var head = 0
    private let capacity: Int
    private(set) var lastNumber: UInt64 = 0
    private(set) var statistics = WriteBehindStatistics()

    init(capacity: Int) { self.capacity = capacity }

    /// How many keys have changes that are not written.
    var count: Int { self.entries.count }

    /// How many keys wait to be written.
    var waitingCount: Int { self.line.count - self.head }

    /// The change of a key that is not written yet; `nil` if there is none.
    func pending(_ key: Key) -> Change? {
        self.entries[key].map { Change(key: key, value: $0.value) }
    }

    /// The keys with changes that are not written, and the numbers of the latest of each.
    var outstanding: [Key: UInt64] { self.entries.mapValues(\.number) }

    /// Takes a change in.
    ///
    /// - Returns: `false` if there is no room.
    mutating func add(_ key: Key, _ value: Value?) -> Bool {
        let isPresent = self.entries[key] != nil
        if !isPresent && self.entries.count >= self.capacity { return false }
        self.lastNumber += 1
        if let entry = self.entries[key] {
            self.entries[key]?.value = value
            self.entries[key]?.number = self.lastNumber
            if entry.writing == nil || entry.number != entry.writing { self.statistics.coalesced += 1 }
        } else {
            self.entries[key] = Entry(value: value, number: self.lastNumber)
            self.line.append(key)
        }
        return true
    }

    mutating func countRefusal() { self.statistics.refused += 1 }
    mutating func countRetry() { self.statistics.retried += 1 }

    /// Takes the next batch out of the line.
    mutating func takeBatch(upTo size: Int) -> [Key] {
        let end = min(self.line.count, self.head + size)
        let keys = Array(self.line[self.head..<end])
        self.head = end
        if self.head > 1_024 && self.head * 2 > self.line.count || self.head == self.line.count {
            self.line.removeSubrange(..<self.head)
            self.head = 0
        }
        return keys
    }

    /// What is to be written for these keys at this moment: the latest changes, also if they came after an attempt that
    /// failed. Marks them as being written.
    mutating func begin(_ keys: [Key]) -> [Change] {
        keys.compactMap { key in
            guard var entry = self.entries[key] else { return nil }
            if let writing = entry.writing, writing != entry.number { self.statistics.coalesced += 1 }
            entry.writing = entry.number
            self.entries[key] = entry
            return Change(key: key, value: entry.value)
        }
    }

    /// A change was written or given up. A key that was changed meanwhile goes to the end of the line.
    ///
    /// - Returns: The number of the change that is over; `nil` if nothing was being written.
    mutating func end(_ key: Key, isWritten: Bool) -> UInt64? {
        guard let entry = self.entries[key], let writing = entry.writing else { return nil }
        if isWritten { self.statistics.written += 1 } else { self.statistics.failed += 1 }
        if writing == entry.number {
            self.entries[key] = nil
        } else {
            self.entries[key]?.writing = nil
            self.line.append(key)
        }
        return writing
    }

    /// Gives up everything that is left.
    mutating func abandon() -> [Change] {
        let changes = self.entries.map { Change(key: $0.key, value: $0.value.value) }
        self.statistics.failed += UInt64(changes.count)
        for entry in self.entries.values where entry.writing.map({ $0 != entry.number }) ?? false {
            self.statistics.coalesced += 1
        }
        self.entries = [:]
        self.line = []
        self.head = 0
        return changes
    }
}
