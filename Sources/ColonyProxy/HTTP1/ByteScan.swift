/// Searches in bytes, eight at a time.
///
/// A word of eight bytes is searched without a loop (H. S. Warren, *Hacker's Delight*, section 6-1): `w − 0x01…01 & ~w &
/// 0x80…80` has its lowest bit at the first byte that is zero. Borrows only spoil bits above the first hit, so with the
/// first byte of memory in the lowest place the first hit is always right. SIMD16 was measured as well: heads are made
/// of pieces of ten to a hundred bytes, for which the words are as fast, and a debug build stays usable.
enum ByteScan {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highs: UInt64 = 0x8080_8080_8080_8080

    /// The classes of a byte in the table ``classes``.
    static let token: UInt8 = 1
    static let host: UInt8 = 2
    static let digit: UInt8 = 4
    static let hexDigit: UInt8 = 8

    /// One entry for each byte. It is `nonisolated(unsafe)`, because it is never given back and never written again: any thread may read it.
    nonisolated(unsafe) static let classes: UnsafePointer<UInt8> = {
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        table.initialize(repeating: 0, count: 256)
        for byte in UInt8(ascii: "0")...UInt8(ascii: "9") {
            table[Int(byte)] = Self.token | Self.host | Self.digit | Self.hexDigit
        }
        for byte in UInt8(ascii: "a")...UInt8(ascii: "z") {
            let hex = byte <= UInt8(ascii: "f") ? Self.hexDigit : 0
            table[Int(byte)] = Self.token | Self.host | hex
            table[Int(byte ^ 0x20)] = Self.token | Self.host | hex
        }
        // RFC 9110, section 5.6.2.
        for byte in "!#$%&'*+-.^_`|~".utf8 { table[Int(byte)] |= Self.token }
        // RFC 3986, section 3.2.2: unreserved and sub-delims; the comma is left out, see ``HostSyntax``.
        for byte in "-._~!$&'()*+;=".utf8 { table[Int(byte)] |= Self.host }
        return UnsafePointer(table)
    }()

    @inline(__always)
    static func byte(_ base: UnsafeRawPointer, _ at: Int) -> UInt8 {
        base.load(fromByteOffset: at, as: UInt8.self)
    }

    /// Eight bytes, the first in the lowest place.
    @inline(__always)
    static func word(_ base: UnsafeRawPointer, _ at: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    /// Four bytes, the first in the lowest place.
    @inline(__always)
    static func halfWord(_ base: UnsafeRawPointer, _ at: Int) -> UInt32 {
        UInt32(littleEndian: base.loadUnaligned(fromByteOffset: at, as: UInt32.self))
    }

    @inline(__always)
    static func isControl(_ byte: UInt8) -> Bool { (byte < 0x20 && byte != 0x09) || byte == 0x7F }

    /// The place of the first control character other than the tabulator; `end` if there is none.
    @inline(__always)
    static func firstControl(_ base: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        var at = start
        while at &+ 8 <= end {
            let word = Self.word(base, at)
            let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
            let low = (word &- 0x2020_2020_2020_2020) & ~word
            let hits = (low | ((delete &- Self.ones) & ~delete)) & Self.highs
            if hits == 0 {
                at &+= 8
                continue
            }
            at &+= hits.trailingZeroBitCount >> 3
            if Self.byte(base, at) != 0x09 { return at }
            at &+= 1
        }
        while at < end, !Self.isControl(Self.byte(base, at)) { at &+= 1 }
        return at
    }

    /// Whether a line may still go on behind these bytes: none is a control character, but for a last CR.
    static func isOpen(_ base: UnsafeRawPointer, from start: Int, to end: Int) -> Bool {
        let stop = Self.firstControl(base, from: start, to: end)
        return stop == end || (Self.byte(base, stop) == 0x0D && stop + 1 == end)
    }

    /// The place of the first byte that no request target has: not `!` to `~`, or `#`; `end` if there is none.
    @inline(__always)
    static func targetEnd(_ base: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        var at = start
        while at &+ 8 <= end {
            let word = Self.word(base, at)
            let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
            let hash = word ^ 0x2323_2323_2323_2323
            let low = (word &- 0x2121_2121_2121_2121) & ~word
            let equal = ((delete &- Self.ones) & ~delete) | ((hash &- Self.ones) & ~hash)
            let hits = (low | equal | word) & Self.highs
            if hits != 0 { return at &+ hits.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < end {
            let byte = Self.byte(base, at)
            if byte < 0x21 || byte > 0x7E || byte == 0x23 { break }
            at &+= 1
        }
        return at
    }

    /// The place of the first `wanted`; `end` if there is none.
    @inline(__always)
    static func first(_ wanted: UInt8, _ base: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        let pattern = Self.ones &* UInt64(wanted)
        var at = start
        while at &+ 8 <= end {
            let word = Self.word(base, at) ^ pattern
            let hits = (word &- Self.ones) & ~word & Self.highs
            if hits != 0 { return at &+ hits.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < end, Self.byte(base, at) != wanted { at &+= 1 }
        return at
    }

    /// Whether the bytes are `name`, where letters may be of either case.
    ///
    /// - Parameter name: Lower-case letters, digits, and hyphens.
    @inline(__always)
    static func equals(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, ignoringCase name: StaticString) -> Bool {
        guard end &- start == name.utf8CodeUnitCount else { return false }
        return Self.equals(base + start, UnsafeRawPointer(name.utf8Start), count: end &- start)
    }

    /// Whether two runs of bytes are the same but for the case of letters.
    static func equals(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int) -> Bool {
        for at in 0..<count where Self.lower(Self.byte(left, at)) != Self.lower(Self.byte(right, at)) { return false }
        return true
    }

    @inline(__always)
    static func lower(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    /// A byte of a name as CGI and its kin see it: small, and a hyphen for an underscore.
    @inline(__always)
    static func lowerWithHyphens(_ byte: UInt8) -> UInt8 {
        byte == UInt8(ascii: "_") ? UInt8(ascii: "-") : Self.lower(byte)
    }
}

/// A walk over a list of values with commas between them (RFC 9110, section 5.6.1), without the whitespace around each.
struct ListElements {
    private let base: UnsafeRawPointer
    private var at: Int
    private let end: Int
    private var isDone = false

    init(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) {
        self.base = base
        self.at = start
        self.end = end
    }

    /// The next element, which may be empty; `nil` behind the last.
    mutating func next() -> (start: Int, end: Int)? {
        if self.isDone { return nil }
        let comma = ByteScan.first(UInt8(ascii: ","), self.base, from: self.at, to: self.end)
        var (start, end) = (self.at, comma)
        while start < end, Self.isWhitespace(ByteScan.byte(self.base, start)) { start &+= 1 }
        while end > start, Self.isWhitespace(ByteScan.byte(self.base, end &- 1)) { end &-= 1 }
        if comma == self.end { self.isDone = true } else { self.at = comma &+ 1 }
        return (start, end)
    }

    private static func isWhitespace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
