import ColonyCore
import Foundation

/// How the writer's thread waits for a caller that works alone: awake for a moment, where that has paid.
///
/// A thread that sleeps takes some tens of microseconds to be woken, a good part of what a fast disk takes for a commit. A caller that asks for
/// the next thing as soon as it was answered is met by a thread that is still awake. Each time that nobody came, the thread sleeps at once
/// after twice as many batches before it tries again, so waiting in vain costs a writer of few and slow callers less than a
/// microsecond a batch.
struct Anticipation {
    /// The longest that the thread stays awake with nothing to do: about what the answer's way to a task and back takes.
    static let patience: Duration = .microseconds(150)
    private static let longestAbstention = 128

    /// On the only processor, staying awake would keep the caller from it.
    private let isPossible = ProcessInfo.processInfo.activeProcessorCount > 1
    private var abstention = 0
    private var batchesLeft = 0

    /// Whether to stay awake after this batch.
    mutating func staysAwake() -> Bool {
        guard self.isPossible else { return false }
        guard self.batchesLeft == 0 else {
            self.batchesLeft -= 1
            return false
        }
        return true
    }

    /// Told whether somebody came while the thread was awake.
    mutating func learn(hasPaid: Bool) {
        self.abstention = hasPaid ? 0 : min(Self.longestAbstention, max(1, 2 * self.abstention))
        self.batchesLeft = self.abstention
    }
}
