import NIOCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A numeric IP address as bits, to be compared with ranges. An IPv4 address that is written as an IPv6 one is the IPv4 address, so that
/// it does not slip past a rule.
package struct NetworkAddress: Hashable, Sendable {
    let isIPv4: Bool
    /// The 128 bits; an IPv4 address fills the lowest 32 of ``low``.
    let high: UInt64
    let low: UInt64

    private init(high: UInt64, low: UInt64) {
        let isMapped = high == 0 && low >> 32 == 0xFFFF
        self.isIPv4 = isMapped
        self.high = high
        self.low = isMapped ? low & 0xFFFF_FFFF : low
    }

    /// The address of a socket; `nil` for one in the file system.
    init?(_ address: SocketAddress?) {
        guard let text = address?.ipAddress else { return nil }
        self.init(text)
    }

    /// Reads a numeric address without brackets, port, or zone.
    package init?(_ text: String) {
        guard let bytes = Self.bytes(of: text) else { return nil }
        if bytes.count == 4 {
            // The IPv6 form of an IPv4 address.
            self.init(high: 0, low: bytes.reduce(0xFFFF) { $0 << 8 | UInt64($1) })
        } else {
            self.init(
                high: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                low: bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
        }
    }

    /// The 4 or 16 bytes of a numeric address, in the order in which they are sent.
    static func bytes(of text: String) -> [UInt8]? {
        var four = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, text, &four) == 1 { return four }
        var six = [UInt8](repeating: 0, count: 16)
        return inet_pton(AF_INET6, text, &six) == 1 ? six : nil
    }

    var bitCount: Int { self.isIPv4 ? 32 : 128 }

    /// Whether the first `count` bits are the same.
    func shares(_ count: Int, bitsWith other: NetworkAddress) -> Bool {
        guard self.isIPv4 == other.isIPv4 else { return false }
        // A shift by the whole width leaves nothing.
        if self.isIPv4 { return (self.low ^ other.low) >> UInt64(32 - count) == 0 }
        return (self.high ^ other.high) >> UInt64(64 - min(count, 64)) == 0
            && (self.low ^ other.low) >> UInt64(64 - max(0, count - 64)) == 0
    }
}
