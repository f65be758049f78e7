// Drawing in proportion to weights in constant time.
//
// Walker's alias method: each of n columns has the same width; a column holds its own endpoint up to a height, and one other above it.
// Two numbers of chance, a column and a height, find the endpoint, however many there are.
//
// Reference: M. D. Vose: A linear algorithm for generating random numbers with a given distribution. IEEE TSE 17(9), 1991.

/// One column of the table.
struct AliasColumn: Hashable, Sendable {
    /// Below this height the column's own position is drawn; heights go from 0 to 2³² - 1.
    var height: UInt32
    /// The position that is drawn above it.
    var alias: UInt32
}

/// A table from which positions are drawn in proportion to their weights.
struct AliasTable: Hashable, Sendable {
    let columns: [AliasColumn]

    /// - Parameter weights: At least one, each above zero.
    /// - Complexity: O(*n*).
    init(weights: [Int]) {
        let total = weights.reduce(0, +)
        let count = weights.count
        var heights = weights.map { Double($0) * Double(count) / Double(total) }
        var columns = weights.indices.map { AliasColumn(height: .max, alias: UInt32($0)) }
        var low = weights.indices.filter { heights[$0] < 1 }
        var high = weights.indices.filter { heights[$0] >= 1 }
        while let small = low.popLast(), let great = high.last {
            columns[small] = AliasColumn(
                height: UInt32(min(heights[small] * 4_294_967_296, 4_294_967_295)), alias: UInt32(great))
            heights[great] -= 1 - heights[small]
            if heights[great] < 1 {
                high.removeLast()
                low.append(great)
            }
        }
        self.columns = columns
    }
}
