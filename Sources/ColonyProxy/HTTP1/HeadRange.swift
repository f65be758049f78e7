/// Some bytes of a head, counted from its first byte. They stay right when the buffer around the head moves.
package struct HeadRange: Hashable, Sendable {
    package var start: UInt32
    package var end: UInt32

    package static let empty = HeadRange(0, 0)

    @inline(__always)
    package init(_ start: Int, _ end: Int) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
    }

    package var lowerBound: Int { Int(self.start) }
    package var upperBound: Int { Int(self.end) }
    package var count: Int { Int(self.end) - Int(self.start) }
    package var isEmpty: Bool { self.start == self.end }

    /// The bytes themselves.
    ///
    /// - Parameter bytes: The head from its first byte on; it must not have gone from its place while the result is used.
    @inline(__always)
    package func bytes(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[Int(self.start)..<Int(self.end)])
    }

    /// The bytes as text for logs and tests: not for the hot path.
    package func text(in bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: self.bytes(in: bytes), as: UTF8.self)
    }
}
