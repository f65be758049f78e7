import ColonyBalancing
import NIOCore

/// A sticky cookie as bytes, and the hash that makes its values.
struct StickyPlan: Sendable {
    let name: [UInt8]
    private let attributes: [UInt8]
    private let upstream: String
    private let hash: SipHash

    /// - Parameter chance: What makes the values of cookies without a secret.
    init(_ cookie: StickyCookie, upstream: String, chance: SipHash) {
        self.upstream = upstream
        self.name = Array(cookie.name.utf8)
        var attributes = "; Path=\(cookie.path)"
        if let lifetime = cookie.lifetime { attributes += "; Max-Age=\(lifetime.components.seconds)" }
        if cookie.isSecure { attributes += "; Secure" }
        if cookie.isHTTPOnly { attributes += "; HttpOnly" }
        if let sameSite = cookie.sameSite { attributes += "; SameSite=\(sameSite.rawValue)" }
        self.attributes = Array(attributes.utf8)
        if let secret = cookie.secret {
            // The key of a key: any length of secret becomes 128 bits.
            let (first, second) = SipHash(key: 0x436F_6C6F_6E79, 0x7374_6963_6B79).hash(secret.utf8)
            self.hash = SipHash(key: first, second)
        } else {
            self.hash = chance
        }
    }

    /// The value for an endpoint: 32 hexadecimal digits.
    func value(of endpoint: EndpointName) -> StickyValue {
        let (first, second) = self.hash.hash("\(self.upstream)\u{0}\(endpoint.rawValue)".utf8)
        return StickyValue(first: first, second: second)
    }

    /// Appends the value of `Set-Cookie` for an endpoint.
    func write(_ endpoint: EndpointName, to buffer: inout ByteBuffer) {
        buffer.writeBytes(self.name)
        buffer.writeStaticString("=")
        self.value(of: endpoint).write(to: &buffer)
        buffer.writeBytes(self.attributes)
    }
}

/// The value of a sticky cookie.
struct StickyValue: Hashable, Sendable {
    let first: UInt64
    let second: UInt64

    init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }

    /// Reads 32 small hexadecimal digits.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 32 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for at in 0..<32 {
            let digit: UInt8
            switch bytes[at] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[at] - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[at] - UInt8(ascii: "a") + 10
            default: return nil
            }
            if at < 16 { words.0 = words.0 << 4 | UInt64(digit) } else { words.1 = words.1 << 4 | UInt64(digit) }
        }
        (self.first, self.second) = words
    }

    func write(to buffer: inout ByteBuffer) {
        let digits: StaticString = "0123456789abcdef"
        for word in [self.first, self.second] {
            for place in stride(from: 60, through: 0, by: -4) {
                buffer.writeInteger(digits.utf8Start[Int(word >> UInt64(place) & 15)])
            }
        }
    }
}
