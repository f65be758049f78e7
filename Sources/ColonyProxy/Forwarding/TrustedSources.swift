/// Addresses whose word is taken: single ones such as `10.0.0.1`, and ranges such as `10.0.0.0/8` or `fd00::/8`.
public struct TrustedSources: Hashable, Sendable {
    private struct Range: Hashable {
        let address: NetworkAddress
        let bits: Int
    }

    /// The most ranges.
    public static var largestCount: Int { 1_024 }

    /// Nobody.
    public static let none = TrustedSources(ranges: [], includesLocalSockets: false)
    /// Everybody. Only right where nobody but other proxies can reach this one.
    public static let everybody = TrustedSources(ranges: [], includesLocalSockets: true, includesAll: true)

    private let ranges: [Range]
    private let includesLocalSockets: Bool
    private let includesAll: Bool

    private init(ranges: [Range], includesLocalSockets: Bool, includesAll: Bool = false) {
        self.ranges = ranges
        self.includesLocalSockets = includesLocalSockets
        self.includesAll = includesAll
    }

    /// Reads addresses and ranges.
    ///
    /// - Parameter texts: At most ``largestCount``. The bits behind the prefix of a range do not matter.
    /// - Throws: ``ProxyError`` with code `invalidConfiguration`, which quotes the text.
    public init(_ texts: [String]) throws(ProxyError) {
        guard texts.count <= Self.largestCount else {
            throw ProxyError(
                .invalidConfiguration,
                "\(texts.count) ranges of addresses are not possible: at most \(Self.largestCount)")
        }
        var ranges: [Range] = []
        for text in texts {
            let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first, let address = NetworkAddress(String(first)) else {
                throw ProxyError(
                    .invalidConfiguration, "\"\(text)\" is neither a numeric address nor a range such as 10.0.0.0/8")
            }
            var bits = address.bitCount
            if parts.count == 2 {
                guard let count = Int(parts[1]), (0...address.bitCount).contains(count) else {
                    throw ProxyError(
                        .invalidConfiguration,
                        "the prefix of \"\(text)\" is not a number from 0 to \(address.bitCount)")
                }
                bits = count
            }
            ranges.append(Range(address: address, bits: bits))
        }
        self.init(ranges: ranges, includesLocalSockets: false)
    }

    /// Whether it is sure that nobody is among them.
    var isEmpty: Bool { self.ranges.isEmpty && !self.includesAll }

    /// - Complexity: O(*n*) in the number of ranges; asked once for a connection.
    package func contains(_ address: NetworkAddress?) -> Bool {
        if self.includesAll { return true }
        guard let address else { return self.includesLocalSockets }
        return self.ranges.contains { $0.address.shares($0.bits, bitsWith: address) }
    }
}
