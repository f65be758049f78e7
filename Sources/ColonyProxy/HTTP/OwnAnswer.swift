import NIOCore

/// The answers that the proxy gives itself: small, with a problem document of RFC 9457 that says what is wrong.
enum OwnAnswer {
    /// Appends a whole answer.
    ///
    /// - Parameter hasBody: Whether the body follows; not for HEAD, whose answer only says how long it would be.
    static func write(
        _ answer: DirectedAnswer, closes: Bool, isHTTP10KeepAlive: Bool, hasBody: Bool, to buffer: inout ByteBuffer
    ) {
        buffer.writeString("HTTP/1.1 \(answer.status) \(Self.title(of: answer.status))\r\n")
        if let location = answer.location {
            buffer.writeStaticString("Location: ")
            buffer.writeImmutableBuffer(location)
            buffer.writeStaticString("\r\n")
        }
        if let seconds = answer.retryAfter { buffer.writeString("Retry-After: \(seconds)\r\n") }
        let body = Self.body(of: answer)
        if let type = Self.contentType(of: answer) {
            buffer.writeStaticString("Content-Type: ")
            buffer.writeBytes(type)
            buffer.writeStaticString("\r\n")
        }
        // RFC 9110, section 8.6: none with 204, and none with 304 unless it is that of the answer to GET.
        if answer.status != 204, answer.status != 304 { buffer.writeString("Content-Length: \(body.count)\r\n") }
        if closes {
            buffer.writeStaticString("Connection: close\r\n")
        } else if isHTTP10KeepAlive {
            buffer.writeStaticString("Connection: keep-alive\r\n")
        }
        buffer.writeStaticString("\r\n")
        if hasBody { buffer.writeBytes(body) }
    }

    /// The body, also of an answer to HEAD, where only its length is told.
    static func body(of answer: DirectedAnswer) -> [UInt8] {
        switch answer.body {
        case .none: return []
        case .content(let content): return content.body
        case .problem(let detail):
            let title = Self.title(of: answer.status)
            let text =
                "{\"type\":\"about:blank\",\"title\":\"\(title)\",\"status\":\(answer.status),\"detail\":\"\(detail)\"}\n"
            return Array(text.utf8)
        }
    }

    /// `nil` if there is no body that it could be that of.
    static func contentType(of answer: DirectedAnswer) -> [UInt8]? {
        switch answer.body {
        case .none: nil
        case .content(let content): content.body.isEmpty ? nil : content.contentType
        case .problem: Array("application/problem+json".utf8)
        }
    }

    /// The reason phrases of RFC 9110, section 15.
    private static func title(of status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 410: "Gone"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 451: "Unavailable For Legal Reasons"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: status < 400 ? "Answer" : "Error"
        }
    }
}
