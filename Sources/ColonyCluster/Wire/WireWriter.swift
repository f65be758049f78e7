/// Appends numbers and texts to bytes, big-endian.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) {
        self.bytes.reserveCapacity(capacity)
    }

    mutating func write(_ number: some FixedWidthInteger & UnsignedInteger) {
        var shift = number.bitWidth
        while shift > 0 {
            shift -= 8
            self.bytes.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// - Precondition: At most 255 bytes, which the types of names and addresses see to.
    mutating func write(text: String) {
        self.write(UInt8(text.utf8.count))
        self.bytes.append(contentsOf: text.utf8)
    }

    mutating func write(bytes: [UInt8]) {
        self.bytes.append(contentsOf: bytes)
    }
}
