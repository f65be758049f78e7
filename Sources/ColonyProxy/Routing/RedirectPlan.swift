import NIOCore

/// A redirect as bytes.
struct RedirectPlan: Sendable {
    let status: Int
    private let scheme: [UInt8]?
    private let host: [UInt8]?
    private let path: RouteRedirect.Path
    private let newPath: [UInt8]
    private let prefixCount: Int
    private let keepsQuery: Bool

    init(_ redirect: RouteRedirect, prefixCount: Int) {
        self.status = redirect.status
        self.scheme = redirect.scheme.map { Array($0.utf8) }
        self.host = redirect.host.map { Array($0.utf8) }
        self.path = redirect.path
        self.newPath =
            switch redirect.path {
            case .kept: []
            case .replaced(let text): Array(text.utf8)
            case .prefixReplaced(let text): RewritePlan.withoutSlash(Array(text.utf8))
            }
        self.prefixCount = prefixCount
        self.keepsQuery = redirect.keepsQuery
    }

    /// The value of `Location`; `nil` if the scheme is to change and the request does not say of which host.
    func location(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer, isSecure: Bool) -> ByteBuffer? {
        var location = ByteBuffer()
        let authority = head.authority.bytes(in: bytes)
        let isSameScheme = self.scheme.map { $0.elementsEqual((isSecure ? "https" : "http").utf8) } ?? true
        if !isSameScheme, self.host == nil, authority.isEmpty { return nil }
        if self.scheme != nil || self.host != nil, self.host != nil || !authority.isEmpty {
            location.writeBytes(self.scheme ?? Array((isSecure ? "https" : "http").utf8))
            location.writeString("://")
            if let host {
                location.writeBytes(host)
            } else {
                // The port belongs to the other scheme.
                location.writeBytes(isSameScheme ? authority[...] : Self.withoutPort(authority))
            }
        }
        let query = head.query.bytes(in: bytes)
        var hasQuery = false
        switch self.path {
        case .kept: self.write(head, bytes, count: 0, with: [], to: &location)
        case .replaced:
            location.writeBytes(self.newPath)
            hasQuery = self.newPath.contains(UInt8(ascii: "?"))
        case .prefixReplaced: self.write(head, bytes, count: self.prefixCount, with: self.newPath, to: &location)
        }
        if self.keepsQuery, !query.isEmpty {
            location.writeString(hasQuery ? "&" : "?")
            location.writeBytes(query)
        }
        return location
    }

    /// The path with another beginning. It begins with one slash, because one with two would be a host.
    private func write(
        _ head: RequestHead, _ bytes: UnsafeRawBufferPointer, count: Int, with prefix: [UInt8],
        to location: inout ByteBuffer
    ) {
        let path = head.path.bytes(in: bytes)
        let (count, prefix) = RewritePlan.replacement(of: count, with: prefix, in: path)
        location.writeBytes(prefix)
        for byte in path[count...] {
            // Clients take a backslash for a slash.
            if byte == UInt8(ascii: "\\") { location.writeStaticString("%5C") } else { location.writeInteger(byte) }
        }
    }

    private static func withoutPort(_ authority: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
        if authority.first == UInt8(ascii: "["), let end = authority.firstIndex(of: UInt8(ascii: "]")) {
            return authority[...end]
        }
        return authority.prefix { $0 != UInt8(ascii: ":") }
    }
}
