import ColonyProxy

extension FramingCorpus {
    private static let host = "Host: a\r\n\r\n"

    private static func letters(_ count: Int) -> String { String(repeating: "M", count: count) }

    static let requestLines: [FramingCase] = [
        FramingCase("the shortest request", "RFC 9112 3", "GET / HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase(
            "two requests in a row", "RFC 9112 9.3.2", "GET /1 HTTP/1.1\r\n\(host)GET /2 HTTP/1.1\r\n\(host)",
            .reads(.none)),
        FramingCase("an extension method", "RFC 9110 9.1", "PURGE / HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase(
            "a method in small letters is another method", "RFC 9110 9.1", "get / HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase("an empty line before", "RFC 9112 2.2", "\r\nGET / HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase("two empty lines before", "RFC 9112 2.2", "\r\n\r\nGET / HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase(
            "three empty lines before", "RFC 9112 2.2", "\r\n\r\n\r\nGET / HTTP/1.1\r\n\(host)",
            .refuses(.tooManyEmptyLines)),
        FramingCase("a bare line feed before", "RFC 9112 2.2", "\nGET / HTTP/1.1\r\n\(host)", .refuses(.bareLineFeed)),
        FramingCase(
            "a bare carriage return before", "RFC 9112 2.2", "\rGET / HTTP/1.1\r\n\(host)",
            .refuses(.bareCarriageReturn)),
        FramingCase("a space before", "RFC 9112 3", " GET / HTTP/1.1\r\n\(host)", .refuses(.methodIsNoToken)),
        FramingCase(
            "a method with a bracket", "RFC 9112 3.1", "GE(T / HTTP/1.1\r\n\(host)", .refuses(.methodIsNoToken)),
        FramingCase(
            "a method with a byte above 127", "RFC 9112 3.1", "G\u{C9}T / HTTP/1.1\r\n\(host)",
            .refuses(.methodIsNoToken)),
        FramingCase(
            "a method that is too long", "RFC 9112 3", "\(letters(33)) / HTTP/1.1\r\n\(host)", .refuses(.methodTooLong)),
        FramingCase("no method", "RFC 9112 3", " / HTTP/1.1\r\n\(host)", .refuses(.methodIsNoToken)),
        FramingCase(
            "two spaces before the target", "RFC 9112 3", "GET  / HTTP/1.1\r\n\(host)", .refuses(.invalidRequestLine)),
        FramingCase(
            "two spaces behind the target", "RFC 9112 3", "GET /  HTTP/1.1\r\n\(host)", .refuses(.invalidVersion)),
        FramingCase(
            "a tabulator in place of a space", "RFC 9112 3", "GET\t/ HTTP/1.1\r\n\(host)", .refuses(.methodIsNoToken)),
        FramingCase(
            "a tabulator behind the target", "RFC 9112 3", "GET /\tHTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase(
            "a space behind the version", "RFC 9112 3", "GET / HTTP/1.1 \r\n\(host)", .refuses(.invalidRequestLine)),
        FramingCase(
            "words behind the version", "RFC 9112 3", "GET / HTTP/1.1 x\r\n\(host)", .refuses(.invalidRequestLine)),
        FramingCase("a space in the target", "RFC 9112 3.2", "GET /a b HTTP/1.1\r\n\(host)", .refuses(.invalidVersion)),
        FramingCase("a line feed alone", "RFC 9112 2.2", "GET / HTTP/1.1\n\(host)", .refuses(.bareLineFeed)),
        FramingCase(
            "a carriage return alone", "RFC 9112 2.2", "GET / HTTP/1.1\r\(host)", .refuses(.bareCarriageReturn)),
        FramingCase(
            "two carriage returns", "RFC 9112 2.2", "GET / HTTP/1.1\r\r\n\(host)", .refuses(.bareCarriageReturn)),
        FramingCase("HTTP/0.9", "RFC 9112 3", "GET /\r\n", .refuses(.invalidRequestLine)),
        FramingCase("no version but a space", "RFC 9112 3", "GET / \r\n\(host)", .refuses(.invalidVersion)),
        FramingCase("HTTP/1.0 without Host", "RFC 9112 3.2", "GET / HTTP/1.0\r\n\r\n", .reads(.none)),
        FramingCase("HTTP/1.2 counts as 1.1", "RFC 9110 2.5", "GET / HTTP/1.2\r\n\(host)", .reads(.none)),
        FramingCase("HTTP/2.0", "RFC 9110 15.6.6", "GET / HTTP/2.0\r\n\(host)", .refuses(.versionNotSupported)),
        FramingCase(
            "the preface of HTTP/2", "RFC 9113 3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .refuses(.versionNotSupported)),
        FramingCase(
            "HTTP/0.9 by number", "RFC 9110 15.6.6", "GET / HTTP/0.9\r\n\(host)", .refuses(.versionNotSupported)),
        FramingCase(
            "a version in small letters", "RFC 9112 2.3", "GET / http/1.1\r\n\(host)", .refuses(.invalidVersion)),
        FramingCase(
            "a version of two digits", "RFC 9112 2.3", "GET / HTTP/1.10\r\n\(host)", .refuses(.invalidRequestLine)),
        FramingCase("a version with zeros", "RFC 9112 2.3", "GET / HTTP/01.1\r\n\(host)", .refuses(.invalidVersion)),
        FramingCase("a version with a comma", "RFC 9112 2.3", "GET / HTTP/1,1\r\n\(host)", .refuses(.invalidVersion)),
        FramingCase("another protocol", "RFC 9112 2.3", "GET / ICAP/1.1\r\n\(host)", .refuses(.invalidVersion)),
        FramingCase("a path without a slash", "RFC 9112 3.2", "GET a HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase("a question mark alone", "RFC 9112 3.2.1", "GET ?a HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase("a fragment", "RFC 9112 3.2.1", "GET /a#b HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase(
            "a NUL in the target", "RFC 9112 3.2", "GET /a\u{0}b HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase(
            "a DEL in the target", "RFC 9112 3.2", "GET /a\u{7F}b HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase(
            "a byte above 127 in the target", "RFC 9112 3.2", "GET /\u{E9} HTTP/1.1\r\n\(host)",
            .refuses(.invalidTarget)),
        FramingCase(
            "bytes that browsers send though no URI has them", "RFC 3986 2, as nginx and HAProxy",
            "GET /a?q={\"b\"}|^`<>\\ HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase("two slashes at the start", "RFC 9112 3.2.1", "GET //a/b HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase("the absolute form", "RFC 9112 3.2.2", "GET http://b:80/x?y HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase(
            "the absolute form without a path", "RFC 9112 3.2.2", "GET HTTP://b HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase(
            "the absolute form still needs Host", "RFC 9112 3.2", "GET http://b/ HTTP/1.1\r\n\r\n",
            .refuses(.missingHost)),
        FramingCase(
            "the absolute form with a user", "RFC 9110 4.2.4", "GET http://u:p@b/ HTTP/1.1\r\n\(host)",
            .refuses(.invalidTarget)),
        FramingCase(
            "the absolute form without a host", "RFC 9110 4.2.1", "GET http:///x HTTP/1.1\r\n\(host)",
            .refuses(.invalidTarget)),
        FramingCase(
            "the absolute form with a bad port", "RFC 3986 3.2.3", "GET http://b:x/ HTTP/1.1\r\n\(host)",
            .refuses(.invalidTarget)),
        FramingCase(
            "a scheme that is not proxied", "RFC 9112 3.2.2", "GET ftp://b/ HTTP/1.1\r\n\(host)",
            .refuses(.invalidTarget)),
        FramingCase("the asterisk", "RFC 9112 3.2.4", "OPTIONS * HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase("the asterisk with GET", "RFC 9112 3.2.4", "GET * HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase("CONNECT", "RFC 9112 3.2.3", "CONNECT a:443 HTTP/1.1\r\n\(host)", .reads(.none)),
        FramingCase(
            "CONNECT without a port", "RFC 9110 9.3.6", "CONNECT a HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase(
            "CONNECT with an empty port", "RFC 9110 9.3.6", "CONNECT a: HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase(
            "CONNECT with a path", "RFC 9112 3.2.3", "CONNECT /a HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase(
            "the authority form with GET", "RFC 9112 3.2.3", "GET a:443 HTTP/1.1\r\n\(host)", .refuses(.invalidTarget)),
        FramingCase(
            "a target at its limit", "RFC 9112 3", "GET /\(letters(99)) HTTP/1.1\r\n\(host)", .reads(.none),
            limits: HeadLimits(maximumTargetBytes: 100)),
        FramingCase(
            "a target over its limit", "RFC 9110 15.5.15", "GET /\(letters(100)) HTTP/1.1\r\n\(host)",
            .refuses(.targetTooLong), limits: HeadLimits(maximumTargetBytes: 100)),
        FramingCase(
            "a target of 9,000 bytes", "RFC 9110 15.5.15", "GET /\(letters(9_000)) HTTP/1.1\r\n\(host)",
            .refuses(.targetTooLong)),
        FramingCase(
            "a request line without an end", "RFC 9110 15.5.15", "GET /\(letters(400))", .refuses(.targetTooLong),
            limits: HeadLimits(maximumHeadBytes: 300)),
        FramingCase("a greeting of TLS", "RFC 9112 3", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", .refuses(.methodIsNoToken)),
        FramingCase("half a request line", "RFC 9112 3", "GET /a HTT", .waits),
        FramingCase("half a bad request line", "RFC 9112 3", "G(T /a HTT", .waits),
        FramingCase("half a request", "RFC 9112 2.1", "GET / HTTP/1.1\r\nHost: a\r\n", .waits),
    ]
}
