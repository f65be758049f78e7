/// Bytes that came and were not taken yet, with the place where reading goes on.
///
/// - Complexity: Appending is amortised O(*n*); what was read is dropped when it is at least half of what is held, so that
///   moving the rest costs no more than reading did.
struct RESPBuffer: Sendable {
    private(set) var bytes: [UInt8] = []
    /// The first byte that was not taken.
    private(set) var start = 0
    /// Up to here no line end was found, so that a line that comes in pieces is looked at once.
    private var scanned = 0

    var count: Int { self.bytes.count - self.start }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        if self.start == self.bytes.count {
            // One large value must not keep its memory for ever.
            self.bytes.removeAll(keepingCapacity: self.bytes.capacity <= 256 << 10)
            self.start = 0
            self.scanned = 0
        } else if self.start > 4096, self.start >= self.bytes.count / 2 {
            self.bytes.removeFirst(self.start)
            self.scanned = max(0, self.scanned - self.start)
            self.start = 0
        }
        self.bytes.append(contentsOf: more)
    }

    /// The next line without its end, as a range of `bytes`; `nil` if it has not come whole.
    ///
    /// - Parameter bareLineFeed: Whether a line may end without a carriage return, as inline commands may.
    mutating func line(
        limit: Int, bareLineFeed: Bool = false
    ) throws(RESPError) -> Range<Int>? {
        let from = max(self.start, self.scanned)
        let found = self.bytes.withUnsafeBufferPointer { bytes -> Int? in
            var index = from
            while index < bytes.count {
                if bytes[index] == UInt8(ascii: "\n") { return index }
                index += 1
            }
            return nil
        }
        let end = found ?? self.bytes.count
        if end - self.start > limit {
            throw RESPError(.tooLong, "a line has more than \(limit) bytes", at: self.bytes[self.start..<end])
        }
        guard let found else {
            self.scanned = self.bytes.count
            return nil
        }
        let hasReturn = found > self.start && self.bytes[found - 1] == UInt8(ascii: "\r")
        guard hasReturn || bareLineFeed else {
            throw RESPError(.malformed, "a line ends without a carriage return", at: self.bytes[self.start...found])
        }
        defer { self.take(through: found + 1) }
        return self.start..<(hasReturn ? found - 1 : found)
    }

    /// The next `count` bytes and the line end behind them; `nil` if they have not come whole.
    mutating func block(_ count: Int) throws(RESPError) -> [UInt8]? {
        // By subtraction: a promised length may be near the end of the integers.
        guard self.count - 2 >= count else { return nil }
        let end = self.start + count
        guard self.bytes[end] == UInt8(ascii: "\r"), self.bytes[end + 1] == UInt8(ascii: "\n") else {
            throw RESPError(
                .malformed, "a string of \(count) bytes does not end where it should", at: self.bytes[end...])
        }
        defer { self.take(through: end + 2) }
        return self.bytes.withUnsafeBufferPointer { Array($0[self.start..<end]) }
    }

    var first: UInt8? { self.start < self.bytes.count ? self.bytes[self.start] : nil }

    private mutating func take(through end: Int) {
        self.start = end
        self.scanned = end
    }
}
