/// Gives each different string of bytes a number, from zero.
///
/// A dictionary of strings would make an object for each line. Here the bytes of each different key are kept once, one
/// after the other, and an open table of numbers finds them by hash.
///
/// - Complexity: O(length of the key) on average. The hash is fixed and not secret: the tool reads traces that its user
///   has chosen.
struct KeyNumbers {
    private var bytes: [UInt8] = []
    /// Where each key begins, and where the last one ends.
    private var starts = [0]
    /// Numbers plus one by hash; zero for none. At most half full.
    private var table = [UInt32](repeating: 0, count: 1024)
    private var hashes: [UInt64] = []

    var count: Int { self.hashes.count }

    mutating func number(of key: UnsafeRawBufferPointer) -> UInt32 {
        if self.count * 2 >= self.table.count { self.grow() }
        let hash = Self.hash(key)
        let mask = self.table.count - 1
        var slot = Int(truncatingIfNeeded: hash >> 20) & mask
        while self.table[slot] != 0 {
            let number = Int(self.table[slot] - 1)
            if self.hashes[number] == hash, self.isKey(number, key) { return UInt32(number) }
            slot = (slot + 1) & mask
        }
        let number = UInt32(self.count)
        self.table[slot] = number + 1
        self.hashes.append(hash)
        self.bytes.append(contentsOf: key)
        self.starts.append(self.bytes.count)
        return number
    }

    private func isKey(_ number: Int, _ key: UnsafeRawBufferPointer) -> Bool {
        let (start, end) = (self.starts[number], self.starts[number + 1])
        return end - start == key.count
            && self.bytes.withUnsafeBytes { $0[start..<end].elementsEqual(key) }
    }

    private static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        var hash = UInt64(key.count) &* 0x9E37_79B9_7F4A_7C15
        var place = 0
        while place < key.count {
            var word: UInt64 = 0
            if place + 8 <= key.count {
                word = key.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            } else {
                for rest in place..<key.count { word = word << 8 | UInt64(key[rest]) }
            }
            hash = (hash ^ word) &* 0xBF58_476D_1CE4_E5B9
            hash ^= hash >> 32
            place += 8
        }
        return hash &* 0x94D0_49BB_1331_11EB
    }

    private mutating func grow() {
        let slots = self.table.count * 2
        var table = [UInt32](repeating: 0, count: slots)
        for (number, hash) in self.hashes.enumerated() {
            var slot = Int(truncatingIfNeeded: hash >> 20) & (slots - 1)
            while table[slot] != 0 { slot = (slot + 1) & (slots - 1) }
            table[slot] = UInt32(number) + 1
        }
        self.table = table
    }
}
