/// Where a server listens, as users write it: `host`, `host:port`, `[ipv6]`, or `[ipv6]:port`.
package struct HostAndPort: Hashable, Sendable {
    /// A name or a numeric address; IPv6 without brackets.
    package let host: String
    /// From 1 to 65535; `nil` if none was written.
    package let port: Int?

    /// Reads the text; `nil` if it has another form. An address with several colons needs brackets, or its last part could be a
    /// port.
    package init?(_ text: String) {
        let host: Substring
        let rest: Substring
        if text.hasPrefix("[") {
            guard let bracket = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<bracket]
            rest = text[text.index(after: bracket)...]
        } else {
            let end = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<end]
            rest = text[end...]
        }
        guard !host.isEmpty, !host.contains(where: { $0 == "/" || $0 == "[" || $0 == "]" || $0.isWhitespace }) else {
            return nil
        }
        self.host = String(host)
        if rest.isEmpty {
            self.port = nil
            return
        }
        let digits = rest.dropFirst()
        guard rest.hasPrefix(":"), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = Int(digits), (1...65_535).contains(port)
        else { return nil }
        self.port = port
    }

    /// Both as users write them.
    package static func text(host: String, port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
