package import ColonyCaches

/// Commands of memcached's meta protocol as bytes, one after the other.
///
/// The meta protocol is the text protocol's successor and has been in memcached since 1.6. Its commands carry flags of
/// one letter, some with a token behind: the flag says what is wanted, and the answer has the same letter with what was
/// found. Three of them make pipelines cheap: `O` is a token that comes back with the answer, so that answers can be
/// told apart; `q` leaves the uninteresting answer out; and `mn` is always answered, so that who sees its answer has
/// seen all before it.
///
/// - SeeAlso: memcached's `doc/protocol.txt`, "Meta Commands".
package struct MetaRequest: Sendable {
    /// What is to be sent.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// `mg`: looks a key up. What is missing is not answered.
    package mutating func get(_ key: MetaKey, opaque: Int) {
        self.begin("mg", key)
        self.append(" v c t q")
        self.end(key, opaque)
    }

    /// How `ms` treats what is there.
    package enum StoreMode {
        /// Replaces it. Success is not answered.
        case set
        /// Stores only where nothing is.
        case add
        /// Stores only over what has this CAS token.
        case compare(UInt64)
    }

    /// `ms`: stores a value. For ``StoreMode/add`` and ``StoreMode/compare(_:)`` the new CAS token comes back.
    ///
    /// - Parameter expiry: As ``MetaExpiry`` makes it.
    package mutating func set(_ key: MetaKey, _ value: [UInt8], expiry: Int64, mode: StoreMode = .set, opaque: Int) {
        self.bytes.reserveCapacity(self.bytes.count + value.count + 320)
        self.begin("ms", key)
        self.append(" \(value.count) T\(expiry)")
        switch mode {
        case .set: self.append(" q")
        case .add: self.append(" ME c")
        case .compare(let token): self.append(" C\(token) c")
        }
        self.end(key, opaque)
        self.bytes.append(contentsOf: value)
        self.append("\r\n")
    }

    /// `md`: removes a key; always answered.
    ///
    /// - Parameter token: The CAS token that the entry must have; `nil` for any.
    package mutating func delete(_ key: MetaKey, ifVersion token: UInt64? = nil, opaque: Int) {
        self.begin("md", key)
        if let token { self.append(" C\(token)") }
        self.end(key, opaque)
    }

    /// `mn`: always answered, after everything before it.
    package mutating func fence() {
        self.append("mn\r\n")
    }

    private mutating func begin(_ command: String, _ key: MetaKey) {
        self.append(command)
        self.append(" ")
        self.bytes.append(contentsOf: key.bytes)
    }

    private mutating func end(_ key: MetaKey, _ opaque: Int) {
        if key.isBase64 { self.append(" b") }
        self.append(" O\(opaque)\r\n")
    }

    private mutating func append(_ text: String) {
        self.bytes.append(contentsOf: text.utf8)
    }
}

/// A key as it stands in a command.
///
/// A space would end the key and a control character the line; every other byte may stand in a key, those above 127 as
/// well. A key with a space is sent as base64 with the flag `b`. memcached decodes it and stores the bytes, so that a
/// key is the same key in which form ever it is written.
package struct MetaKey: Hashable, Sendable {
    /// The most bytes that a key may have in a command, in either form.
    package static let maximumBytes = 250
    /// The most bytes of a key that is sent as base64: 248 bytes of that are the most that fit.
    package static let maximumEncodedBytes = 186

    /// What is written.
    package let bytes: [UInt8]
    /// Whether that is base64.
    package let isBase64: Bool

    /// - Throws: ``CacheError`` with `invalidRequest` if the key must be sent as base64 and is too long for it.
    package init(_ key: CacheKey) throws(CacheError) {
        let raw = Array(key.rawValue.utf8)
        if raw.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) {
            self.bytes = raw
            self.isBase64 = false
        } else {
            guard raw.count <= Self.maximumEncodedBytes else {
                throw CacheError(
                    .invalidRequest,
                    """
                    the key "\(key)" has \(raw.count) bytes; memcached takes at most \(Self.maximumEncodedBytes) of a \
                    key with spaces, which is sent as base64
                    """)
            }
            self.bytes = Base64.encode(raw)
            self.isBase64 = true
        }
    }
}

/// RFC 4648, section 4, with padding, as memcached decodes it.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let count = min(3, bytes.count - index)
            var group: UInt32 = 0
            for offset in 0..<3 {
                group = group << 8 | (offset < count ? UInt32(bytes[index + offset]) : 0)
            }
            for position in 0..<4 {
                let letter = Self.alphabet[Int(group >> UInt32(18 - 6 * position)) & 63]
                result.append(position <= count ? letter : UInt8(ascii: "="))
            }
            index += count
        }
        return result
    }
}
