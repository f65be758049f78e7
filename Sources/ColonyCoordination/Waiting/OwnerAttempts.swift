import ColonyCore
import Synchronization

/// Keeps apart the attempts of owners that ask for one name again while an earlier request of theirs is still being ended.
///
/// What an owner may hold after a failed request is given back by owner, because no token was heard. If the owner has asked
/// again meanwhile, as a client does whose connection broke, that would end the new grant. So an attempt gives nothing back
/// while a later one is under way or after another was granted, and none begins while one gives back.
final class OwnerAttempts: Sendable {
    struct Key: Hashable {
        let lease: LeaseKey
        let owner: OwnerID
    }

    private struct Entry {
        var underWay: Set<Int> = []
        /// The number of the attempt that began last.
        var latest = 0
        /// Those that were granted what they asked for, while any is under way.
        var granted: Set<Int> = []
        /// Which attempt gives back at this moment.
        var givesBack: Int?
        var waiting: [OneShotSignal] = []
    }

    private let entries = Mutex<[Key: Entry]>([:])

    /// Begins an attempt, after what an earlier one gives back at this moment. Each beginning has an ``end(_:_:)``.
    ///
    /// - Returns: The number of the attempt; `nil`, and nothing has begun, if the deadline passed first.
    /// - Throws: `CancellationError`; nothing has begun then either.
    func begin(_ key: Key, until deadline: MonotonicInstant, on clock: any MonotonicClock) async throws -> Int? {
        while true {
            let signal = OneShotSignal()
            let number = self.entries.withLock { entries -> Int? in
                var entry = entries[key] ?? Entry()
                defer { entries[key] = entry }
                guard entry.givesBack == nil else {
                    entry.waiting.append(signal)
                    return nil
                }
                entry.latest += 1
                entry.underWay.insert(entry.latest)
                return entry.latest
            }
            if let number { return number }
            guard try await signal.wait(until: deadline, on: clock) else { return nil }
        }
    }

    /// The attempt was granted what it asked for.
    func grant(_ key: Key, _ number: Int) {
        self.entries.withLock { _ = $0[key]?.granted.insert(number) }
    }

    /// Whether the attempt shall give back what its owner may hold; then others of the owner wait for its end.
    func beginToGiveBack(_ key: Key, _ number: Int) -> Bool {
        self.entries.withLock { entries in
            guard let entry = entries[key], entry.givesBack == nil,
                entry.underWay.allSatisfy({ $0 <= number }), entry.granted.allSatisfy({ $0 == number })
            else { return false }
            entries[key]?.givesBack = number
            return true
        }
    }

    func end(_ key: Key, _ number: Int) {
        let waiting = self.entries.withLock { entries -> [OneShotSignal] in
            guard var entry = entries[key] else { return [] }
            entry.underWay.remove(number)
            var waiting: [OneShotSignal] = []
            if entry.givesBack == number {
                entry.givesBack = nil
                swap(&waiting, &entry.waiting)
            }
            entries[key] = entry.underWay.isEmpty ? nil : entry
            return waiting
        }
        for signal in waiting { signal.fire() }
    }
}
