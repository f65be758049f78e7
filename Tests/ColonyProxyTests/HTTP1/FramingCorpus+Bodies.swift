import ColonyProxy

extension FramingCorpus {
    static let requestFraming: [FramingCase] = [
        post("a length", "RFC 9112 6.2", "Content-Length: 5", "hello", .reads(.length(5))),
        post("a length of zero", "RFC 9112 6.2", "Content-Length: 0", "", .reads(.none)),
        post("a length with zeros before it", "RFC 9110 8.6", "Content-Length: 0005", "hello", .reads(.length(5))),
        post("a length with whitespace around it", "RFC 9112 5.1", "Content-Length: \t5 ", "hello", .reads(.length(5))),
        post("no length", "RFC 9112 6.3", "A: b", "", .reads(.none)),
        post("a body that is too short", "RFC 9112 8", "Content-Length: 6", "hello", .waits),
        post(
            "two lengths", "RFC 9112 6.3", "Content-Length: 5\r\nContent-Length: 6", "hello",
            .refuses(.repeatedContentLength)),
        post(
            "the same length twice", "RFC 9112 6.3, as nginx", "Content-Length: 5\r\ncontent-length: 5", "hello",
            .refuses(.repeatedContentLength)),
        post("a list of lengths", "RFC 9112 6.3", "Content-Length: 5, 5", "hello", .refuses(.invalidContentLength)),
        post(
            "a list of different lengths", "RFC 9112 6.3", "Content-Length: 5, 6", "hello",
            .refuses(.invalidContentLength)),
        post("an empty length", "RFC 9110 8.6", "Content-Length:", "", .refuses(.invalidContentLength)),
        post("a length with a plus", "RFC 9110 8.6", "Content-Length: +5", "hello", .refuses(.invalidContentLength)),
        post("a negative length", "RFC 9110 8.6", "Content-Length: -5", "hello", .refuses(.invalidContentLength)),
        post("a hexadecimal length", "RFC 9110 8.6", "Content-Length: 0x5", "hello", .refuses(.invalidContentLength)),
        post("a length with a point", "RFC 9110 8.6", "Content-Length: 5.0", "hello", .refuses(.invalidContentLength)),
        post(
            "a length with a space in it", "RFC 9110 8.6", "Content-Length: 1 5", "hello",
            .refuses(.invalidContentLength)),
        post(
            "a length with a semicolon", "RFC 9110 8.6", "Content-Length: 5;", "hello", .refuses(.invalidContentLength)),
        post("a length in quotes", "RFC 9110 8.6", "Content-Length: \"5\"", "hello", .refuses(.invalidContentLength)),
        post("the largest length", "RFC 9110 8.6", "Content-Length: 9223372036854775807", "", .waits),
        post(
            "a length of 2^63", "RFC 9110 8.6", "Content-Length: 9223372036854775808", "",
            .refuses(.invalidContentLength)),
        post(
            "a length of 2^64 and five", "RFC 9110 8.6", "Content-Length: 18446744073709551621", "hello",
            .refuses(.invalidContentLength)),
        post(
            "a length of a hundred digits", "RFC 9110 8.6", "Content-Length: 1\(digits(100))", "hello",
            .refuses(.invalidContentLength)),
        post(
            "a length and a space before its colon", "RFC 9112 5.1", "Content-Length : 5", "hello",
            .refuses(.whitespaceBeforeColon)),
        post("a folded length", "RFC 9112 5.2", "Content-Length:\r\n 5", "hello", .refuses(.invalidContentLength)),
        post(
            "a length behind a bare line feed", "RFC 9112 2.2", "A: b\nContent-Length: 5", "hello",
            .refuses(.bareLineFeed)),
        post(
            "a length behind a bare carriage return", "RFC 9112 2.2", "A: b\rContent-Length: 5", "hello",
            .refuses(.bareCarriageReturn)),
        post("a length with an underscore is none", "RFC 9110 5.1", "Content_Length: 5", "", .reads(.none)),
        post("chunked", "RFC 9112 7.1", "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", .reads(.chunked)),
        post("chunked in capitals", "RFC 9112 7", "TRANSFER-ENCODING: CHUNKED", "0\r\n\r\n", .reads(.chunked)),
        post(
            "chunked with whitespace around it", "RFC 9112 5.1", "Transfer-Encoding: \tchunked ", "0\r\n\r\n",
            .reads(.chunked)),
        post(
            "chunked before a length", "RFC 9112 6.3", "Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n",
            .refuses(.lengthAndTransferEncoding)),
        post(
            "chunked behind a length", "RFC 9112 6.3", "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n",
            .refuses(.lengthAndTransferEncoding)),
        post(
            "chunked with a length of zero", "RFC 9112 6.3", "Content-Length: 0\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n", .refuses(.lengthAndTransferEncoding)),
        post(
            "another coding with a length", "RFC 9112 6.3", "Content-Length: 5\r\nTransfer-Encoding: x", "hello",
            .refuses(.lengthAndTransferEncoding)),
        post(
            "chunked twice", "RFC 9112 6.1", "Transfer-Encoding: chunked, chunked", "0\r\n\r\n",
            .refuses(.invalidTransferEncoding)),
        post(
            "two fields with chunked", "RFC 9112 6.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n", .refuses(.invalidTransferEncoding)),
        post(
            "gzip and chunked", "RFC 9112 6.1", "Transfer-Encoding: gzip, chunked", "0\r\n\r\n",
            .refuses(.codingNotSupported)),
        post(
            "gzip and chunked in two fields", "RFC 9112 6.1", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n", .refuses(.codingNotSupported)),
        post(
            "chunked before gzip", "RFC 9112 6.3", "Transfer-Encoding: chunked, gzip", "0\r\n\r\n",
            .refuses(.chunkedIsNotLast)),
        post(
            "chunked before identity in two fields", "RFC 9112 6.3",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n", .refuses(.chunkedIsNotLast)),
        post("gzip alone", "RFC 9112 6.3", "Transfer-Encoding: gzip", "", .refuses(.chunkedIsNotLast)),
        post("identity", "RFC 9112 6.3", "Transfer-Encoding: identity", "", .refuses(.chunkedIsNotLast)),
        post(
            "a word that ends with chunked", "RFC 9112 6.3", "Transfer-Encoding: xchunked", "0\r\n\r\n",
            .refuses(.chunkedIsNotLast)),
        post(
            "a word that begins with chunked", "RFC 9112 6.3", "Transfer-Encoding: chunkedx", "0\r\n\r\n",
            .refuses(.chunkedIsNotLast)),
        post(
            "chunked with a parameter", "RFC 9112 7.1", "Transfer-Encoding: chunked;q=1", "0\r\n\r\n",
            .refuses(.chunkedIsNotLast)),
        post(
            "chunked in quotes", "RFC 9112 7", "Transfer-Encoding: \"chunked\"", "0\r\n\r\n",
            .refuses(.chunkedIsNotLast)),
        post("no coding", "RFC 9112 6.1", "Transfer-Encoding:", "", .refuses(.invalidTransferEncoding)),
        post(
            "chunked behind a comma", "RFC 9112 6.1", "Transfer-Encoding: , chunked", "0\r\n\r\n",
            .refuses(.invalidTransferEncoding)),
        post(
            "chunked before a comma", "RFC 9112 6.1", "Transfer-Encoding: chunked,", "0\r\n\r\n",
            .refuses(.invalidTransferEncoding)),
        post(
            "chunked behind a vertical tabulator", "RFC 9110 5.5", "Transfer-Encoding: \u{B}chunked", "0\r\n\r\n",
            .refuses(.controlInValue)),
        post(
            "chunked behind a no-break space", "RFC 9112 6.3", "Transfer-Encoding: \u{A0}chunked", "0\r\n\r\n",
            .refuses(.chunkedIsNotLast)),
        post(
            "a coding with a space before its colon", "RFC 9112 5.1", "Transfer-Encoding : chunked", "0\r\n\r\n",
            .refuses(.whitespaceBeforeColon)),
        post("a folded coding", "RFC 9112 5.2", "Transfer-Encoding:\r\n chunked", "0\r\n\r\n", .refuses(.foldedField)),
        FramingCase(
            "chunked in HTTP/1.0", "RFC 9112 6.1", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .refuses(.transferEncodingInHTTP10)),
        FramingCase(
            "a length in HTTP/1.0", "RFC 9112 6.2", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
            .reads(.length(5))),
        FramingCase(
            "a body of GET", "RFC 9110 9.3.1", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            .reads(.length(5))),
    ]

    static let chunkedBodies: [FramingCase] = [
        chunked("many chunks", "7.1", "1\r\na\r\nB\r\n01234567890\r\n00a\r\n0123456789\r\n0\r\n\r\n", .reads(.chunked)),
        chunked("line ends in data", "7.1", "4\r\n\r\n\r\n\r\n0\r\n\r\n", .reads(.chunked)),
        chunked("a last chunk of many zeros", "7.1", "000\r\n\r\n", .reads(.chunked)),
        chunked("an extension", "7.1.1", "1;a=b;c=\"d e\"\r\nx\r\n0;e\r\n\r\n", .reads(.chunked)),
        chunked("an extension behind whitespace", "7.1.1", "1 \t;a\r\nx\r\n0\r\n\r\n", .reads(.chunked)),
        chunked("a trailer", "7.1.2", "0\r\nGrpc-Status: 0\r\nA:\r\n\r\n", .reads(.chunked)),
        chunked("no size", "7.1", "\r\nx\r\n0\r\n\r\n", .breaks(.invalidChunkSize)),
        chunked("a size with a prefix", "7.1", "0x1\r\nx\r\n0\r\n\r\n", .breaks(.invalidChunkSize)),
        chunked("a size with a sign", "7.1", "+1\r\nx\r\n0\r\n\r\n", .breaks(.invalidChunkSize)),
        chunked("a negative size", "7.1", "-1\r\nx\r\n0\r\n\r\n", .breaks(.invalidChunkSize)),
        chunked("a size behind a space", "7.1", " 1\r\nx\r\n0\r\n\r\n", .breaks(.invalidChunkSize)),
        chunked("a size before a space", "7.1", "1 \r\nx\r\n0\r\n\r\n", .breaks(.invalidChunkSize)),
        chunked("a size with an underscore", "7.1", "1_0\r\nx\r\n0\r\n\r\n", .breaks(.invalidChunkSize)),
        chunked("a size of letters that are no digits", "7.1", "g\r\nx\r\n0\r\n\r\n", .breaks(.invalidChunkSize)),
        chunked("the largest size", "7.1", "7fffffffffffffff\r\nx", .waits),
        chunked("a size of 2^63", "7.1", "8000000000000000\r\nx\r\n0\r\n\r\n", .breaks(.chunkTooLarge)),
        chunked("a size of 2^64 and one", "7.1", "10000000000000001\r\nx\r\n0\r\n\r\n", .breaks(.chunkTooLarge)),
        chunked("a size of seventeen zeros", "7.1", "00000000000000000\r\n\r\n", .breaks(.chunkTooLarge)),
        chunked("sizes whose sum is too large", "7.1", "1\r\nx\r\n7fffffffffffffff\r\nx", .breaks(.bodyTooLarge)),
        chunked("a bare line feed behind a size", "7.1", "1\nx\r\n0\r\n\r\n", .breaks(.bareLineFeed)),
        chunked("a bare carriage return behind a size", "7.1", "1\rx\r\n0\r\n\r\n", .breaks(.bareCarriageReturn)),
        chunked("a bare line feed behind data", "7.1", "1\r\nx\n0\r\n\r\n", .breaks(.bareLineFeed)),
        chunked("a bare carriage return behind data", "7.1", "1\r\nx\r0\r\n\r\n", .breaks(.bareCarriageReturn)),
        chunked("no line end behind data", "7.1", "1\r\nx0\r\n\r\n", .breaks(.missingLineEndAfterData)),
        chunked("more data than the size", "7.1", "1\r\nxy\r\n0\r\n\r\n", .breaks(.missingLineEndAfterData)),
        chunked("a bare line feed in an extension", "7.1.1", "1;a\nx\r\n0\r\n\r\n", .breaks(.bareLineFeed)),
        chunked(
            "a bare carriage return in an extension", "7.1.1", "1;a\rb\r\nx\r\n0\r\n\r\n", .breaks(.bareCarriageReturn)),
        chunked("a NUL in an extension", "7.1.1", "1;\u{0}\r\nx\r\n0\r\n\r\n", .breaks(.controlInExtension)),
        chunked(
            "an extension that is too long", "7.1.1", "1;\(digits(5_000))\r\nx\r\n0\r\n\r\n", .breaks(.extensionTooLong)
        ),
        chunked("a bare line feed at the end", "7.1", "0\r\n\n", .breaks(.bareLineFeed)),
        chunked("a bare carriage return at the end", "7.1", "0\r\n\rX", .breaks(.bareCarriageReturn)),
        chunked("a folded trailer", "5.2", "0\r\nA: b\r\n c\r\n\r\n", .breaks(.invalidTrailer)),
        chunked("a trailer with a space before its colon", "5.1", "0\r\nA : b\r\n\r\n", .breaks(.invalidTrailer)),
        chunked("a trailer without a colon", "5", "0\r\nA\r\n\r\n", .breaks(.invalidTrailer)),
        chunked("a trailer with a NUL", "5.5", "0\r\nA: \u{0}\r\n\r\n", .breaks(.invalidTrailer)),
        chunked("a trailer with a bare line feed", "2.2", "0\r\nA: b\n\r\n", .breaks(.bareLineFeed)),
        chunked("a request in place of trailers", "7.1.2", "0\r\nGET / HTTP/1.1\r\n\r\n", .breaks(.invalidTrailer)),
        chunked("a length as a trailer", "6.5.1", "0\r\nContent-Length: 5\r\n\r\n", .breaks(.forbiddenTrailer)),
        chunked("a coding as a trailer", "6.5.1", "0\r\ntransfer-encoding: x\r\n\r\n", .breaks(.forbiddenTrailer)),
        chunked("Host as a trailer", "6.5.1", "0\r\nHost: b\r\n\r\n", .breaks(.forbiddenTrailer)),
        chunked("authorization as a trailer", "6.5.1", "0\r\nAuthorization: b\r\n\r\n", .breaks(.forbiddenTrailer)),
        chunked(
            "a forwarded address as a trailer", "6.5.1", "0\r\nX-Forwarded-For: b\r\n\r\n", .breaks(.forbiddenTrailer)),
        chunked("trailers that are too large", "5.4", "0\r\nA: \(digits(9_000))\r\n\r\n", .breaks(.trailersTooLarge)),
        chunked("half a body", "8", "5\r\nhel", .waits),
    ]

    private static func digits(_ count: Int) -> String { String(repeating: "0", count: count) }

    private static func post(
        _ name: String, _ rule: String, _ lines: String, _ body: String, _ answer: FramingCase.Answer
    ) -> FramingCase {
        FramingCase(name, rule, "POST / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n\(body)", answer)
    }

    private static func chunked(
        _ name: String, _ section: String, _ body: String, _ answer: FramingCase.Answer
    ) -> FramingCase {
        FramingCase(
            "chunked with \(name)", "\(section == "6.5.1" ? "RFC 9110" : "RFC 9112") \(section)",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)", answer)
    }
}
