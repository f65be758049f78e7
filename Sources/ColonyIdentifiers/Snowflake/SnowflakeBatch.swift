/// Identifiers that were issued together: rising, of one worker, and of one tick.
///
/// Two numbers and a distance, whatever the count; nothing is allocated.
public struct SnowflakeBatch: RandomAccessCollection, Hashable, Sendable {
    let firstWord: Int64
    let lastWord: Int64
    let stride: Int64

    init(first: Int64, last: Int64, stride: Int64) {
        self.firstWord = first
        self.lastWord = last
        self.stride = stride
    }

    /// Always zero.
    public var startIndex: Int { 0 }
    /// How many identifiers there are.
    public var endIndex: Int { Int((self.lastWord - self.firstWord) / self.stride) + 1 }

    /// The identifier at `position`, which must be below ``endIndex``.
    ///
    /// - Complexity: O(1).
    public subscript(position: Int) -> SnowflakeID {
        precondition(position >= 0 && position < self.endIndex, "the batch has no identifier at \(position)")
        return SnowflakeID(rawValue: self.firstWord + Int64(position) * self.stride)
    }
}
