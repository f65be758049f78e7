import NIOCore

/// The answers that the proxy gives itself: small, with a problem document of RFC 9457 that says what is wrong.
enum OwnAnswer {
    /// Appends a whole answer.
    ///
    /// - Parameters:
    ///   - detail: A sentence for people; nothing that came from the client is in it.
    ///   - hasBody: Whether the body follows; not for HEAD, whose answer only says how long it would be.
    static func write(
        _ status: Int, detail: StaticString, closes: Bool, isHTTP10KeepAlive: Bool, hasBody: Bool,
        to buffer: inout ByteBuffer
    ) {
        let title = Self.title(of: status)
        let body = Self.document(status, detail: detail)
        buffer.writeString("HTTP/1.1 \(status) \(title)\r\n")
        buffer.writeString("Content-Type: application/problem+json\r\nContent-Length: \(body.utf8.count)\r\n")
        if closes {
            buffer.writeStaticString("Connection: close\r\n")
        } else if isHTTP10KeepAlive {
            buffer.writeStaticString("Connection: keep-alive\r\n")
        }
        buffer.writeStaticString("\r\n")
        if hasBody { buffer.writeString(body) }
    }

    /// The problem document.
    ///
    /// - Parameter detail: A sentence for people; nothing that came from the client is in it.
    static func document(_ status: Int, detail: StaticString) -> String {
        "{\"type\":\"about:blank\",\"title\":\"\(Self.title(of: status))\",\"status\":\(status),\"detail\":\"\(detail)\"}\n"
    }

    /// The reason phrases of RFC 9110, section 15.
    private static func title(of status: Int) -> StaticString {
        switch status {
        case 400: "Bad Request"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: "Error"
        }
    }
}
