import NIOCore
import NIOHPACK

/// Writes the fields of a request in HTTP/2 as the head of one in HTTP/1.1, which then goes the same way, through the same parser, as all.
///
/// HTTP/2 knows no lines, so names and values may hold what ends a line elsewhere: "HTTP/2: The Sequel is Always Worse" (James Kettle, 2021)
/// is about proxies that wrote them down as they were. So all is checked here that gives a head its shape, before it is written; what the
/// words mean, such as a host or a length, is left to the parser. The library has checked most of it too, and does not have to be trusted.
///
/// - Names are tokens in lower case; the pseudo fields come first, each once (RFC 9113, sections 8.2.1 and 8.3).
/// - Values have no control character but the tabulator. Whitespace around them is taken off: nghttp2 had to permit it again.
/// - What belongs to a connection of HTTP/1.1 is malformed (section 8.2.2), but for `TE: trailers`.
/// - `:authority` and `Host` are equal if both are there, and one `Host` is written (section 8.3.1).
/// - Cookies become one field again (section 8.2.3).
struct HTTP2RequestHead {
    /// What is known of the body when the head is written.
    enum Body {
        /// All of it has come: so many bytes.
        case whole(Int)
        /// There is more to come.
        case open
    }

    enum Outcome {
        case written
        /// `CONNECT`: this proxy is none that clients choose.
        case tunnel
        case malformed(StaticString)
    }

    private var method: String?
    private var path: String?
    private var scheme: String?
    private var authority: String?
    private var host: String?
    private var cookies = ""
    private var hasLength = false

    private init() {}

    /// Appends the head with its empty line.
    static func write(_ headers: HPACKHeaders, body: Body, to buffer: inout ByteBuffer) -> Outcome {
        var head = HTTP2RequestHead()
        if let defect = head.collect(headers) { return .malformed(defect) }
        if head.method == "CONNECT" { return .tunnel }
        guard let method = head.method, let path = head.path, let scheme = head.scheme else {
            return .malformed("a pseudo field is missing")
        }
        guard scheme == "https" || scheme == "http" else { return .malformed("the scheme is neither http nor https") }
        // RFC 9113, section 8.3.1: a path, or an asterisk with OPTIONS; no authority is in it.
        guard path.utf8.first == UInt8(ascii: "/") || (path == "*" && method == "OPTIONS") else {
            return .malformed("the path does not begin with a slash")
        }
        if let authority = head.authority, let host = head.host, authority != host {
            return .malformed(":authority and Host differ")
        }
        guard let host = head.authority ?? head.host else { return .malformed("the request names no host") }
        buffer.writeString(method)
        buffer.writeStaticString(" ")
        buffer.writeString(path)
        buffer.writeStaticString(" HTTP/1.1\r\nHost: ")
        buffer.writeString(host)
        buffer.writeStaticString("\r\n")
        for (name, value, _) in headers where !Self.isWrittenApart(name) {
            buffer.writeString(name)
            buffer.writeStaticString(": ")
            buffer.writeString(value)
            buffer.writeStaticString("\r\n")
        }
        if !head.cookies.isEmpty {
            buffer.writeStaticString("cookie: ")
            buffer.writeString(head.cookies)
            buffer.writeStaticString("\r\n")
        }
        head.writeFraming(body, method: method, to: &buffer)
        HeadEnd.write(to: &buffer)
        return .written
    }

    private static func isWrittenApart(_ name: String) -> Bool {
        name.utf8.first == UInt8(ascii: ":") || name == "host" || name == "cookie"
    }

    /// In HTTP/1.1 the head says where the body ends.
    private func writeFraming(_ body: Body, method: String, to buffer: inout ByteBuffer) {
        if self.hasLength { return }
        switch body {
        case .open: buffer.writeStaticString("transfer-encoding: chunked\r\n")
        case .whole(let count):
            // RFC 9110, section 8.6: where a method means that there is a body, none is said too.
            guard count > 0 || method == "POST" || method == "PUT" || method == "PATCH" else { return }
            buffer.writeString("content-length: \(count)\r\n")
        }
    }

    // MARK: Checking

    private mutating func collect(_ headers: HPACKHeaders) -> StaticString? {
        var isPseudo = true
        for (name, value, _) in headers {
            guard Self.isValue(value) else { return "a control character in the value of a field" }
            if name.utf8.first == UInt8(ascii: ":") {
                guard isPseudo else { return "a pseudo field after others" }
                if let defect = self.takePseudo(name, value) { return defect }
            } else {
                isPseudo = false
                if let defect = self.take(name, value) { return defect }
            }
        }
        return nil
    }

    private mutating func takePseudo(_ name: String, _ value: String) -> StaticString? {
        // None of them has a space in it, with which a request line would have more than three words.
        guard !value.utf8.contains(where: { $0 == 0x20 || $0 == 0x09 }) else { return "a space in a pseudo field" }
        let repeated: StaticString = "a pseudo field comes twice"
        switch name {
        case ":method":
            guard self.method == nil else { return repeated }
            guard !value.isEmpty, value.utf8.allSatisfy(Self.isToken) else { return "the method is not a token" }
            self.method = value
        case ":path":
            guard self.path == nil else { return repeated }
            self.path = value
        case ":scheme":
            guard self.scheme == nil else { return repeated }
            self.scheme = value
        case ":authority":
            guard self.authority == nil else { return repeated }
            guard !value.isEmpty else { return ":authority is empty" }
            self.authority = value
        default: return "a pseudo field is not known"
        }
        return nil
    }

    private mutating func take(_ name: String, _ value: String) -> StaticString? {
        let isName = name.utf8.allSatisfy { Self.isToken($0) && !(0x41...0x5A).contains($0) }
        guard !name.isEmpty, isName else { return "the name of a field is not a token in lower case" }
        switch name {
        case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
            return "a field of HTTP/1.1 that belongs to a connection"
        case "te": if value != "trailers" { return "TE is not trailers" }
        case "host":
            guard self.host == nil else { return "more than one Host field" }
            self.host = value
        case "cookie":
            if !self.cookies.isEmpty { self.cookies += "; " }
            self.cookies += value
        case "content-length": self.hasLength = true
        default: break
        }
        return nil
    }

    private static func isToken(_ byte: UInt8) -> Bool { ByteScan.classes[Int(byte)] & ByteScan.token != 0 }

    private static func isValue(_ value: String) -> Bool { !value.utf8.contains(where: ByteScan.isControl) }
}
