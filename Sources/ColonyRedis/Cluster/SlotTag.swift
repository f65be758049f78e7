/// A text for each slot of a cluster, by which keys are put there: `{TEXT}anything` is in that slot.
///
/// Keys that belong to another key must be in its slot. Putting that key itself between braces fails for keys that contain a
/// closing brace; a number that happens to have the same slot works for all.
enum SlotTag {
    /// The smallest number, in decimal digits, of each slot. About 170,000 numbers are tried to find them all, once.
    private static let numbers: [Int32] = {
        var numbers = [Int32](repeating: -1, count: HashSlot.count)
        var missing = HashSlot.count
        var candidate: Int32 = 0
        while missing > 0 {
            let slot = Int(HashSlot.checksum(String(candidate).utf8)) % HashSlot.count
            if numbers[slot] < 0 {
                numbers[slot] = candidate
                missing -= 1
            }
            candidate += 1
        }
        return numbers
    }()

    /// - Parameter slot: From 0 to 16,383.
    static func of(_ slot: Int) -> String { String(self.numbers[slot]) }
}
