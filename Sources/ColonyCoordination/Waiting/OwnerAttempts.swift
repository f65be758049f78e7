import ColonyCore
import Synchronization

/// Keeps apart the attempts of owners that ask for one name again while an earlier request of theirs is still being ended.
///
/// What an owner may hold after a failed request is given back by owner, because no token was heard. If the owner has asked
/// again meanwhile, as a client does whose connection broke, that would end the new grant. So only the latest attempt of
/// an owner gives back, and none begins while an earlier one does.
final class OwnerAttempts: Sendable {
    struct Key: Hashable {
        let lease: LeaseKey
        let owner: OwnerID
    }

    private struct Entry {
        var underWay = 0
        /// The number of the attempt that began last.
        var latest = 0
        var isGivingBack = false
        var waiting: [OneShotSignal] = []
    }

    private let entries = Mutex<[Key: Entry]>([:])

    /// Begins an attempt, after what an earlier one gives back at this moment. Each beginning has an ``end(_:)``.
    ///
    /// - Returns: The number of the attempt.
    /// - Throws: `CancellationError`; then nothing has begun.
    func begin(_ key: Key) async throws -> Int {
        while true {
            let signal = OneShotSignal()
            let number = self.entries.withLock { entries -> Int? in
                var entry = entries[key] ?? Entry()
                if entry.isGivingBack {
                    entry.waiting.append(signal)
                } else {
                    entry.underWay += 1
                    entry.latest += 1
                }
                entries[key] = entry
                return entry.isGivingBack ? nil : entry.latest
            }
            if let number { return number }
            // Giving back is bounded by the limit of a request.
            try await signal.wait()
        }
    }

    /// Whether the attempt shall give back what its owner may hold; then others of the owner wait for ``end(_:)``.
    func beginToGiveBack(_ key: Key, _ number: Int) -> Bool {
        self.entries.withLock { entries in
            guard entries[key]?.latest == number else { return false }
            entries[key]?.isGivingBack = true
            return true
        }
    }

    func end(_ key: Key, _ number: Int) {
        let waiting = self.entries.withLock { entries -> [OneShotSignal] in
            guard var entry = entries[key] else { return [] }
            entry.underWay -= 1
            var waiting: [OneShotSignal] = []
            if entry.isGivingBack, entry.latest == number {
                entry.isGivingBack = false
                swap(&waiting, &entry.waiting)
            }
            entries[key] = entry.underWay > 0 ? entry : nil
            return waiting
        }
        for signal in waiting { signal.fire() }
    }

    /// For how many owners and names attempts are under way.
    var count: Int { self.entries.withLock(\.count) }
}
