/// The keys that a program asked for, in order.
public struct Trace: Sendable {
    /// The keys, numbered from zero in the order of their first appearance.
    public let keys: [UInt32]
    /// How many different keys there are.
    public let distinct: Int

    /// Reads a file with one key a line, of any text; it may be compressed with gzip or xz. Empty lines are left out, and
    /// so is a carriage return at the end of a line.
    ///
    /// The file is expanded by the program `gzip` or `xz` and read in pieces as it comes; only the numbers of the keys and
    /// one copy of each key are kept.
    ///
    /// - Parameter limit: At most so many requests are read; from 1, or `nil` for all.
    /// - Throws: ``TraceError``.
    /// - Complexity: O(*n*) in the length of the file.
    public init(readingFrom path: String, limit: Int? = nil) throws(TraceError) {
        var numbers = KeyNumbers()
        var keys: [UInt32] = []
        let limit = limit ?? .max
        try TraceFile.forEachLine(of: path) { line in
            keys.append(numbers.number(of: line))
            return keys.count < limit
        }
        if keys.isEmpty { throw TraceError(.empty, "\(path) has no keys: a trace has one key a line") }
        self.keys = keys
        self.distinct = numbers.count
    }

    /// Makes a trace from any keys.
    public init<Key: Hashable>(_ keys: some Sequence<Key>) {
        var numbers: [Key: UInt32] = [:]
        self.keys = keys.map { key in
            if let number = numbers[key] { return number }
            let number = UInt32(numbers.count)
            numbers[key] = number
            return number
        }
        self.distinct = numbers.count
    }

    /// The sizes that a trace is tried at if none are named: 0.1 %, 1 %, and 10 % of the different keys, at least 1.
    public var usualSizes: [Int] {
        var sizes: [Int] = []
        for divisor in [1000, 100, 10] {
            let size = max(1, self.distinct / divisor)
            if !sizes.contains(size) { sizes.append(size) }
        }
        return sizes
    }
}
