/// What a host with an optional port looks like (RFC 3986, sections 3.2.2 and 3.2.3).
///
/// Stricter than the grammar in two places. A comma is refused: it is what two `Host` fields look like after something
/// on the way has joined them. An address in brackets is one of IP version 6 without a zone, or nothing.
enum HostSyntax {
    /// Whether the bytes are `host` or `host:port`. Nothing at all is valid too: RFC 9112, section 3.2, has a client send
    /// an empty `Host` if its target has no authority, and the proxy's default host stands for it.
    static func isValid(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Bool {
        start == end || Self.portStart(base, start, end) != nil
    }

    /// Where the port's digits begin, `end` if there is no colon; `nil` if the bytes are not valid.
    static func portStart(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int? {
        guard start < end else { return nil }
        let classes = ByteScan.classes
        var at = start
        if ByteScan.byte(base, at) == UInt8(ascii: "[") {
            at += 1
            let first = at
            while at < end {
                let byte = ByteScan.byte(base, at)
                let isPart = byte == UInt8(ascii: ":") || byte == UInt8(ascii: ".")
                guard isPart || classes[Int(byte)] & ByteScan.hexDigit != 0 else { break }
                at += 1
            }
            guard at < end, at > first + 1, ByteScan.byte(base, at) == UInt8(ascii: "]") else { return nil }
            at += 1
        } else {
            while at < end {
                let byte = ByteScan.byte(base, at)
                if classes[Int(byte)] & ByteScan.host != 0 {
                    at += 1
                } else if byte == UInt8(ascii: "%"), at + 2 < end,
                    classes[Int(ByteScan.byte(base, at + 1))] & classes[Int(ByteScan.byte(base, at + 2))]
                        & ByteScan.hexDigit != 0
                {
                    at += 3
                } else {
                    break
                }
            }
            guard at > start else { return nil }
        }
        if at == end { return end }
        guard ByteScan.byte(base, at) == UInt8(ascii: ":") else { return nil }
        return Self.isPort(base, at + 1, end) ? at + 1 : nil
    }

    /// Up to 65,535 in at most five digits; none at all is what RFC 3986 permits behind a colon.
    private static func isPort(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Bool {
        guard end - start <= 5 else { return false }
        if start == end { return true }
        return (FieldSection.number(base, start, end) ?? .max) <= 65_535
    }
}
