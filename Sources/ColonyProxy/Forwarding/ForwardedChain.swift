/// The addresses that proxies in front have written into `X-Forwarded-For`, the last one at the right.
enum ForwardedChain {
    /// The address of the client behind trusted proxies.
    ///
    /// Each proxy writes whom it was called by. So the first address from the right is believed, since the peer is trusted; the second one if
    /// the first is trusted in turn; and so on, at most `hops` of them. Whoever is not trusted is the client, whatever stands to the left: it
    /// may have been made up.
    ///
    /// - Returns: `nil` if the first from the right is no address.
    static func client(
        _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer, hops: Int, trusted: TrustedSources
    ) -> String? {
        var found: String?
        var left = hops
        for index in stride(from: parser.fields.count - 1, through: 0, by: -1) {
            let entry = parser.fields[index]
            guard entry.field == .xForwardedFor else { continue }
            let elements = entry.value.bytes(in: bytes)
            var end = elements.count
            while end >= 0 {
                var start = end
                while start > 0, elements[start - 1] != UInt8(ascii: ",") { start -= 1 }
                if let (text, address) = Self.address(elements[start..<end]) {
                    found = text
                    left -= 1
                    if left == 0 || !trusted.contains(address) { return found }
                } else if !elements[start..<end].allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
                    return found
                }
                end = start - 1
            }
        }
        return found
    }

    /// Reads an address: alone, in brackets, or with a port, as some proxies write it.
    private static func address(_ bytes: Slice<UnsafeRawBufferPointer>) -> (String, NetworkAddress)? {
        guard bytes.count <= 64 else { return nil }
        var text = Substring(decoding: bytes, as: UTF8.self).drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            text = text[text.index(after: text.startIndex)..<end]
        } else if let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") {
            text = text[..<colon]
        }
        return NetworkAddress(String(text)).map { (String(text), $0) }
    }
}
