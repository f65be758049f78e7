import ColonyHashing

/// A dictionary whose keys are runs of bytes, made once; looking one up allocates nothing.
struct ByteKeyTable<Value: Sendable>: Sendable {
    private let keys: [[UInt8]]
    private let values: [Value]
    /// The number of a key and one more, or 0; at most half full.
    private let slots: [Int32]

    /// - Parameter entries: No key twice.
    init(_ entries: [(key: [UInt8], value: Value)]) {
        var size = 1
        while size < entries.count * 2 { size *= 2 }
        var slots = [Int32](repeating: 0, count: size)
        for (number, entry) in entries.enumerated() {
            var at = Self.slot(entry.key.withUnsafeBytes { XXH64.hash($0, seed: 0) }, size)
            while slots[at] != 0 { at = (at + 1) & (size - 1) }
            slots[at] = Int32(number + 1)
        }
        self.keys = entries.map(\.key)
        self.values = entries.map(\.value)
        self.slots = slots
    }

    var isEmpty: Bool { self.keys.isEmpty }

    /// - Complexity: O(*n*) in the length of the key.
    func value(for key: UnsafeRawBufferPointer) -> Value? {
        guard !self.keys.isEmpty else { return nil }
        var at = Self.slot(XXH64.hash(key, seed: 0), self.slots.count)
        while self.slots[at] != 0 {
            let number = Int(self.slots[at] - 1)
            if self.keys[number].elementsEqual(key) { return self.values[number] }
            at = (at + 1) & (self.slots.count - 1)
        }
        return nil
    }

    private static func slot(_ hash: UInt64, _ size: Int) -> Int { Int(truncatingIfNeeded: hash) & (size - 1) }
}
