/// Text that equals only text of the same bytes.
///
/// `String` calls two spellings of `é` equal, and stores do not; where a message goes must not depend on the engine.
struct ExactText: Hashable, Sendable {
    let text: String

    init(_ text: String) {
        var text = text
        text.makeContiguousUTF8()
        self.text = text
    }

    static func == (first: Self, second: Self) -> Bool { Self.areEqual(first.text, second.text) }

    static func areEqual(_ first: String, _ second: String) -> Bool {
        let (first, second) = (first.utf8, second.utf8)
        return first.count == second.count && first.elementsEqual(second)
    }

    func hash(into hasher: inout Hasher) {
        let isHashed: Void? = self.text.utf8.withContiguousStorageIfAvailable { bytes in
            hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
        }
        if isHashed == nil { for byte in self.text.utf8 { hasher.combine(byte) } }
        hasher.combine(0xFF as UInt8)
    }
}
