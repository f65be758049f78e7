// Reading integers from bytes at any address. Every hash here is defined on little-endian words, so that a key has the
// same hash on every machine; on a little-endian processor the conversion costs nothing.

extension UnsafeRawPointer {
    /// The eight bytes at `offset`, as a little-endian word. The address need not be aligned.
    @inlinable
    @inline(__always)
    package func word64(at offset: Int) -> UInt64 {
        UInt64(littleEndian: self.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The four bytes at `offset`, as a little-endian word. The address need not be aligned.
    @inlinable
    @inline(__always)
    package func word32(at offset: Int) -> UInt32 {
        UInt32(littleEndian: self.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// The byte at `offset`.
    @inlinable
    @inline(__always)
    package func byte(at offset: Int) -> UInt8 {
        self.load(fromByteOffset: offset, as: UInt8.self)
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// This word with its bits moved to the left by `count`, those that fall out coming in on the right.
    ///
    /// - Parameter count: From 1 to one less than the width of the word.
    @inlinable
    @inline(__always)
    package func rotatedLeft(by count: Self) -> Self {
        (self &<< count) | (self &>> (Self(truncatingIfNeeded: Self.bitWidth) &- count))
    }
}
