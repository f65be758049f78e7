/// What stands in front of everything that members send each other, in the open.
///
/// ```text
/// envelope   magic:2  version:1  suite:1  purpose:1  key:4  cluster:4  boot:12  counter:8  sealed [tag:16]
/// sealed     recipient:8  content
/// ```
///
/// Numbers are big-endian. All of the header, and the name of the cluster, are authenticated with the content. `key` and `cluster` are derived one way from the key,
/// so that a receiver can tell a wrong key from a wrong cluster; to anybody without the key they say nothing but that two packets have the same.
struct Envelope: Hashable {
    /// The first bytes of everything.
    static let magic: [UInt8] = [0xC0, 0x10]
    /// The version that is written, and the only one that is read.
    static let version: UInt8 = 1
    static let headerBytes = 33
    static let recipientBytes = 8
    static let tagBytes = 16
    /// By how much a packet is longer than its content.
    static let overhead = headerBytes + recipientBytes + tagBytes

    /// How the rest is protected.
    enum Suite: UInt8 {
        /// Not at all.
        case plain = 0
        /// AES-GCM with the key of the cluster.
        case aesGCM = 1
    }

    var suite: Suite
    var purpose: SealPurpose
    var key: UInt32
    var cluster: UInt32
    var boot: BootID
    var counter: UInt64

    var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.reserveCapacity(Self.headerBytes)
        bytes.append(Self.version)
        bytes.append(self.suite.rawValue)
        bytes.append(self.purpose.rawValue)
        bytes.append(bigEndian: self.key)
        bytes.append(bigEndian: self.cluster)
        bytes.append(bigEndian: self.boot.token)
        bytes.append(bigEndian: self.boot.rest)
        bytes.append(bigEndian: self.counter)
        return bytes
    }

    init(suite: Suite, purpose: SealPurpose, key: UInt32, cluster: UInt32, boot: BootID, counter: UInt64) {
        self.suite = suite
        self.purpose = purpose
        self.key = key
        self.cluster = cluster
        self.boot = boot
        self.counter = counter
    }

    /// Reads the header, and believes none of it.
    init(reading bytes: [UInt8]) throws(ClusterRefusal) {
        guard bytes.count >= 3, bytes[0] == Self.magic[0], bytes[1] == Self.magic[1] else { throw .alien }
        // Before anything else, because a later version may have another header.
        guard bytes[2] == Self.version else { throw .wrongVersion }
        guard bytes.count >= Self.headerBytes + Self.recipientBytes, let suite = Suite(rawValue: bytes[3]) else {
            throw .alien
        }
        self.suite = suite
        self.purpose = SealPurpose(rawValue: bytes[4])
        self.key = bytes.number(at: 5)
        self.cluster = bytes.number(at: 9)
        self.boot = BootID(token: bytes.number(at: 13), rest: bytes.number(at: 21))
        self.counter = bytes.number(at: 25)
    }
}

/// What is sealed, so that bytes that were sent for one thing are never taken for another.
package struct SealPurpose: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A packet of the membership, alone.
    package static let datagram = Self(rawValue: 1)
    /// A packet of the membership, over a connection.
    package static let connection = Self(rawValue: 2)
    /// What members of an election send each other.
    package static let election = Self(rawValue: 3)
}

/// One life of who seals: drawn at random when it begins, so that no two have the same.
package struct BootID: Hashable, Sendable {
    /// The part that others address this life by; never 0.
    package let token: UInt64
    package let rest: UInt32

    init(token: UInt64, rest: UInt32) {
        self.token = token
        self.rest = rest
    }

    /// Draws one.
    ///
    /// - Parameter generator: One whose numbers do not come again: two lives of one identifier would use one key and nonce for two packets, which
    ///   gives both away. Only tests have another one than that of the system.
    package init(using generator: inout some RandomNumberGenerator) {
        self.init(
            token: UInt64.random(in: 1 ... .max, using: &generator),
            rest: UInt32.random(in: .min ... .max, using: &generator))
    }

    /// The bytes that keys of this life are derived with.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: self.token)
        bytes.append(bigEndian: self.rest)
        return bytes
    }
}

extension [UInt8] {
    mutating func append(bigEndian number: some FixedWidthInteger & UnsignedInteger) {
        var shift = number.bitWidth
        while shift > 0 {
            shift -= 8
            self.append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// The number whose first byte is there. The caller has seen to it that the others are.
    func number<Number: FixedWidthInteger & UnsignedInteger>(at place: Int) -> Number {
        self[place..<place + Number.bitWidth / 8].reduce(0) { $0 << 8 | Number($1) }
    }
}
