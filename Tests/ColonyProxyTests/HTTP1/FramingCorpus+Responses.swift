import ColonyProxy

extension FramingCorpus {
    static let responses: [FramingCase] = [
        response("a length", "6.3", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", .reads(.length(2))),
        response("no words behind the status", "4", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", .reads(.none)),
        response("no space behind the status", "4", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", .reads(.none)),
        response("words of bytes above 127", "4", "HTTP/1.1 200 \u{E9}\t!\r\nContent-Length: 0\r\n\r\n", .reads(.none)),
        response(
            "chunks", "6.3", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            .reads(.chunked)),
        response("neither", "6.3", "HTTP/1.1 200 OK\r\nA: b\r\n\r\nhi", .reads(.untilClose)),
        response("HTTP/1.0", "6.3", "HTTP/1.0 200 OK\r\n\r\nhi", .reads(.untilClose)),
        response("a length and 304", "6.3", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", .reads(.none)),
        response(
            "chunks and 304", "6.1", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", .reads(.none)),
        response("204", "6.3", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", .reads(.none)),
        response(
            "100 and the next", "RFC 9110 15.2",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .reads(.none)),
        response(
            "101", "RFC 9110 15.2.2",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\u{81}\u{5}hello",
            .reads(.none)),
        FramingCase(
            "a response to HEAD with a length", "RFC 9112 6.3", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            .reads(.none), answering: .head),
        FramingCase(
            "a response to HEAD with chunks", "RFC 9112 6.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            .reads(.none), answering: .head),
        FramingCase(
            "a response to CONNECT", "RFC 9112 6.3", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", .reads(.none),
            answering: .connect),
        response(
            "a length and chunks", "6.3",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .refuses(.lengthAndTransferEncoding)),
        response(
            "two lengths", "6.3", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
            .refuses(.repeatedContentLength)),
        response(
            "the same length twice", "6.3, as nginx",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", .refuses(.repeatedContentLength)),
        response(
            "a bad length", "6.3", "HTTP/1.1 200 OK\r\nContent-Length: 2,2\r\n\r\nhi", .refuses(.invalidContentLength)),
        response(
            "gzip as a transfer coding", "6.3", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            .refuses(.chunkedIsNotLast)),
        response(
            "gzip before chunked", "6.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            .refuses(.codingNotSupported)),
        response(
            "chunked in HTTP/1.0", "6.1", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .refuses(.transferEncodingInHTTP10)),
        response(
            "a folded field", "5.2", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
            .refuses(.foldedField)),
        response(
            "whitespace before a colon", "5.1", "HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n",
            .refuses(.whitespaceBeforeColon)),
        response("a bare line feed", "2.2", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", .refuses(.bareLineFeed)),
        response(
            "a bare line feed behind the status", "2.2", "HTTP/1.1 200\nContent-Length: 0\r\n\r\n",
            .refuses(.bareLineFeed)),
        response(
            "a NUL in the words", "4", "HTTP/1.1 200 O\u{0}K\r\nContent-Length: 0\r\n\r\n", .refuses(.controlInValue)),
        response(
            "a status of two digits", "4", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", .refuses(.invalidStatusLine)),
        response(
            "a status of four digits", "4", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
            .refuses(.invalidStatusLine)),
        response(
            "a status below 100", "RFC 9110 15", "HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
            .refuses(.invalidStatusLine)),
        response("another protocol", "4", "ICY 200 OK\r\nContent-Length: 0\r\n\r\n", .refuses(.invalidStatusLine)),
        response("HTTP/2 in words", "4", "HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n", .refuses(.invalidStatusLine)),
        response(
            "an empty line before it", "4", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            .refuses(.invalidStatusLine)),
        response("a short line", "4", "HTTP/1.1\r\n\r\n", .refuses(.invalidStatusLine)),
        response("half a status line", "4", "HTTP/1.1 2", .waits),
    ]

    private static func response(
        _ name: String, _ section: String, _ text: String, _ answer: FramingCase.Answer
    ) -> FramingCase {
        FramingCase(
            "a response with \(name)", section.hasPrefix("RFC") ? section : "RFC 9112 \(section)", text, answer,
            answering: .get)
    }
}
