import ColonyHashing

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What a balancer may know of a call before it chooses.
///
/// ```swift
/// let pick = try balancer.pick(PickContext(key: "user:42"))
/// ```
public struct PickContext: Hashable, Sendable {
    /// Where algorithms by key place the call: all 64 bits evenly spread. Calls with equal hashes go to the same endpoint as long as they may.
    public var hash: UInt64?
    /// The endpoint that an earlier call of the same session went to. It is picked again as long as it is in health and not in maintenance;
    /// else the algorithm chooses, and ``Pick/isSticky`` says so.
    public var sticky: EndpointName?
    /// The numbers of endpoints that must not be picked, see ``Pick/number``: a retry goes to another endpoint.
    public var avoiding: [UInt64]

    /// Nothing is known.
    public init() {
        self.init(hash: nil)
    }

    /// Says what is known.
    public init(hash: UInt64?, sticky: EndpointName? = nil, avoiding: [UInt64] = []) {
        self.hash = hash
        self.sticky = sticky
        self.avoiding = avoiding
    }

    /// A call that belongs to a key: XXH64 of its bytes places it.
    ///
    /// - Complexity: O(*n*) in the length of the key.
    public init(key: String) {
        var key = key
        self.init(hash: key.withUTF8 { XXH64.hash(UnsafeRawBufferPointer($0), seed: 0) })
    }

    /// A call from an address, as text without a port. Of an IPv6 address the first 64 bits count, because hosts change the rest.
    ///
    /// What is no address is placed like any key.
    public init(clientAddress: String) {
        var bytes = in6_addr()
        guard inet_pton(AF_INET6, clientAddress, &bytes) == 1 else {
            self.init(key: clientAddress)
            return
        }
        let octets = withUnsafeBytes(of: bytes) { Array($0) }
        if octets.prefix(12).elementsEqual(Self.mapped) {
            // An address of version 4 as a listener for both versions sees it.
            self.init(key: octets.suffix(4).map(String.init).joined(separator: "."))
            return
        }
        self.init(
            hash: withUnsafeBytes(of: bytes) { XXH64.hash(UnsafeRawBufferPointer(rebasing: $0.prefix(8)), seed: 0) })
    }

    private static let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]

    var isPlain: Bool { self.sticky == nil && self.avoiding.isEmpty }
}
