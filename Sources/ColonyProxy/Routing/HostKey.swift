/// A host as routes compare it: in small letters, without its port and without a dot at its end.
enum HostKey {
    /// The longest name of DNS.
    static let longest = 255

    /// Calls `body` with the key of an authority; with nothing if it has none, or one that is too long for any route.
    static func with<Result>(
        _ authority: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        var end = authority.count
        if let first = authority.first, first == UInt8(ascii: "[") {
            end = authority.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } ?? end
        } else if let colon = authority.firstIndex(of: UInt8(ascii: ":")) {
            end = colon
        }
        if end > 1, authority[end - 1] == UInt8(ascii: ".") { end -= 1 }
        guard end <= Self.longest else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        return withUnsafeTemporaryAllocation(byteCount: Self.longest, alignment: 8) { memory in
            for at in 0..<end { memory[at] = ByteScan.lower(authority[at]) }
            return body(UnsafeRawBufferPointer(rebasing: memory[..<end]))
        }
    }

    static func bytes(of name: String) -> [UInt8] {
        Array(name.utf8).withUnsafeBytes { bytes in Self.with(bytes) { Array($0) } }
    }
}
