/// A function from bytes to a number that spreads keys evenly and gives the same number in every process, on every
/// machine, for ever.
///
/// Swift's own `Hasher` is seeded afresh in each process, so two servers that place keys with it disagree. Whatever
/// leaves the process (a place on a ring, a partition, a file name) needs one of these functions.
///
/// A conforming type writes one requirement, ``hash(_:seed:)-(UnsafeRawBufferPointer,_)``; the calls for strings, arrays,
/// spans, sequences, and integers come with it and agree with it: a string is hashed as its UTF-8 bytes, an integer as
/// its eight bytes from the lowest to the highest.
///
/// - Important: None of these functions resists an adversary. Whoever may choose keys can find as many as wished with the
///   same hash, whatever the seed. Do not use them for signatures, passwords, or to defend a table against floods.
public protocol ByteHash: Sendable {
    /// The number that the function gives.
    associatedtype Value: Hashable & Sendable

    /// The number that selects one function of the family. Zero is the usual choice.
    associatedtype Seed: FixedWidthInteger & UnsignedInteger & Sendable

    /// The hash of `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: The key, of any length and at any alignment. May be empty.
    ///   - seed: Which function of the family; each gives other numbers.
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    static func hash(_ bytes: UnsafeRawBufferPointer, seed: Seed) -> Value

    /// The hash of the elements of `bytes`, in order.
    ///
    /// There is a default for every function; ``StreamingByteHash`` has one that keeps no copy of the whole.
    ///
    /// - Complexity: O(*n*) in the number of bytes.
    static func hash(_ bytes: some Sequence<UInt8>, seed: Seed) -> Value
}

/// A hash that can be fed in pieces, so that the bytes need not be in memory at once.
///
/// ```swift
/// var hash = XXH64()
/// hash.update(header)
/// hash.update(body)
/// let sum = hash.finalize()
/// ```
///
/// How the bytes are cut into pieces makes no difference to the result.
public protocol StreamingByteHash: ByteHash {
    /// A hash that has seen no bytes yet.
    init(seed: Seed)

    /// Appends `bytes` to what the hash has seen.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    mutating func update(_ bytes: UnsafeRawBufferPointer)

    /// The hash of all bytes up to now. More may follow afterwards.
    ///
    /// - Complexity: O(1); allocates nothing.
    func finalize() -> Value
}

// MARK: One call for each kind of key

extension ByteHash {
    /// The hash of `bytes`, in order.
    ///
    /// - Parameters:
    ///   - bytes: The key. Contiguous storage is read where it lies; anything else is copied once.
    ///   - seed: Which function of the family.
    /// - Complexity: O(*n*) in the number of bytes.
    @inlinable
    public static func hash(_ bytes: some Sequence<UInt8>, seed: Seed = 0) -> Value {
        if let value = bytes.withContiguousStorageIfAvailable({ Self.hash(UnsafeRawBufferPointer($0), seed: seed) }) {
            return value
        }
        return Self.hash(ContiguousArray(bytes), seed: seed)
    }

    /// The hash of the bytes of `array`.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    @inlinable
    public static func hash(_ array: [UInt8], seed: Seed = 0) -> Value {
        array.withUnsafeBytes { Self.hash($0, seed: seed) }
    }

    /// The hash of the bytes of `array`.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    @inlinable
    public static func hash(_ array: ContiguousArray<UInt8>, seed: Seed = 0) -> Value {
        array.withUnsafeBytes { Self.hash($0, seed: seed) }
    }

    /// The hash of the bytes that `span` covers.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    @inlinable
    public static func hash(_ span: Span<UInt8>, seed: Seed = 0) -> Value {
        span.withUnsafeBytes { Self.hash($0, seed: seed) }
    }

    /// The hash of the UTF-8 bytes of `string`.
    ///
    /// Strings that Swift calls equal may differ in bytes (*é* is one character, or *e* and an accent), and then they
    /// differ in their hash. Normalise keys that people type before they are hashed.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing when the string is native to Swift.
    @inlinable
    public static func hash(_ string: String, seed: Seed = 0) -> Value {
        // Native strings give their storage away here, which is faster than `withUTF8` and needs no mutable copy.
        let value = string.utf8.withContiguousStorageIfAvailable { utf8 in
            Self.hash(UnsafeRawBufferPointer(utf8), seed: seed)
        }
        if let value { return value }
        var native = string
        return native.withUTF8 { Self.hash(UnsafeRawBufferPointer($0), seed: seed) }
    }

    /// The hash of the UTF-8 bytes of `string`.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing when the string is native to Swift.
    @inlinable
    public static func hash(_ string: Substring, seed: Seed = 0) -> Value {
        // Native strings give their storage away here, which is faster than `withUTF8` and needs no mutable copy.
        let value = string.utf8.withContiguousStorageIfAvailable { utf8 in
            Self.hash(UnsafeRawBufferPointer(utf8), seed: seed)
        }
        if let value { return value }
        var native = string
        return native.withUTF8 { Self.hash(UnsafeRawBufferPointer($0), seed: seed) }
    }

    /// The hash of `integer` as eight bytes, lowest first, on every machine.
    ///
    /// - Complexity: O(1).
    @inlinable
    public static func hash(_ integer: UInt64, seed: Seed = 0) -> Value {
        withUnsafeBytes(of: integer.littleEndian) { Self.hash($0, seed: seed) }
    }

    /// The hash of `integer` as eight bytes of two's complement, lowest first, on every machine.
    ///
    /// Equal to the hash of the same number as `UInt64` if it is not negative.
    ///
    /// - Complexity: O(1).
    @inlinable
    public static func hash(_ integer: Int, seed: Seed = 0) -> Value {
        Self.hash(UInt64(bitPattern: Int64(integer)), seed: seed)
    }
}

// MARK: Feeding each kind of key

extension StreamingByteHash {
    /// The hash of `bytes`, in order.
    ///
    /// - Parameters:
    ///   - bytes: The key. Contiguous storage is read where it lies; anything else passes through a small buffer.
    ///   - seed: Which function of the family.
    /// - Complexity: O(*n*) in the number of bytes.
    @inlinable
    public static func hash(_ bytes: some Sequence<UInt8>, seed: Seed = 0) -> Value {
        if let value = bytes.withContiguousStorageIfAvailable({ Self.hash(UnsafeRawBufferPointer($0), seed: seed) }) {
            return value
        }
        var hash = Self(seed: seed)
        hash.update(bytes)
        return hash.finalize()
    }

    /// Appends `bytes`, in order.
    ///
    /// - Complexity: O(*n*) in the number of bytes. Contiguous storage is read where it lies.
    @inlinable
    public mutating func update(_ bytes: some Sequence<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ self.update(UnsafeRawBufferPointer($0)) }) != nil {
            return
        }
        // Large enough that the cost of a call is spread over many bytes, small enough for the stack.
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { buffer in
            var count = 0
            for byte in bytes {
                buffer[count] = byte
                count += 1
                if count == buffer.count {
                    self.update(UnsafeRawBufferPointer(buffer))
                    count = 0
                }
            }
            self.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Appends the bytes of `array`.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    @inlinable
    public mutating func update(_ array: [UInt8]) {
        array.withUnsafeBytes { self.update($0) }
    }

    /// Appends the bytes that `span` covers.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing.
    @inlinable
    public mutating func update(_ span: Span<UInt8>) {
        span.withUnsafeBytes { self.update($0) }
    }

    /// Appends the UTF-8 bytes of `string`.
    ///
    /// - Complexity: O(*n*) in the number of bytes; allocates nothing when the string is native to Swift.
    @inlinable
    public mutating func update(_ string: String) {
        self.update(string.utf8)
    }

    /// Appends `integer` as eight bytes, lowest first, on every machine.
    ///
    /// - Complexity: O(1).
    @inlinable
    public mutating func update(_ integer: UInt64) {
        withUnsafeBytes(of: integer.littleEndian) { self.update($0) }
    }
}
