/// Why a head is refused, with the status that a client gets for it (RFC 9110, section 15).
///
/// After a defect nothing behind it on the connection can be trusted: the answer goes out and the connection is closed
/// (RFC 9112, sections 2.2 and 6.3). A defect in the head of a *response* is a 502 towards the client, whatever
/// ``status`` says, and the connection to the endpoint is closed.
package enum HeadDefect: UInt8, Hashable, Sendable, CaseIterable {
    // The request line.
    case tooManyEmptyLines, methodIsNoToken, methodTooLong, targetTooLong, invalidTarget, invalidRequestLine
    case invalidVersion, versionNotSupported
    // The status line.
    case invalidStatusLine
    // Lines and fields.
    case headTooLarge, tooManyFields, bareCarriageReturn, bareLineFeed, foldedField, invalidFieldName
    case whitespaceBeforeColon, controlInValue
    // Framing.
    case invalidContentLength, repeatedContentLength, lengthAndTransferEncoding, transferEncodingInHTTP10
    case invalidTransferEncoding, chunkedIsNotLast, codingNotSupported
    // Host and Connection.
    case missingHost, repeatedHost, invalidHost, tooManyConnectionOptions

    /// The status of the answer to a request with this defect: 400, 414, 431, 501 or 505.
    package var status: UInt16 {
        switch self {
        case .targetTooLong: 414
        case .headTooLarge, .tooManyFields: 431
        case .methodTooLong, .codingNotSupported: 501
        case .versionNotSupported: 505
        default: 400
        }
    }

    /// A few words for the log and for the body of the answer. Nothing of the message is in them.
    package var reason: StaticString {
        switch self {
        case .tooManyEmptyLines: "too many empty lines before the request line"
        case .methodIsNoToken: "the method is not a token"
        case .methodTooLong: "the method is longer than any that is known"
        case .targetTooLong: "the request target is too long"
        case .invalidTarget: "the request target is not valid"
        case .invalidRequestLine: "the request line is not a method, a target and a version"
        case .invalidVersion: "the version is not HTTP/digit.digit"
        case .versionNotSupported: "the version of HTTP is not supported"
        case .invalidStatusLine: "the status line is not valid"
        case .headTooLarge: "the head is too large"
        case .tooManyFields: "the head has too many fields"
        case .bareCarriageReturn: "a carriage return without a line feed"
        case .bareLineFeed: "a line feed without a carriage return"
        case .foldedField: "a field is folded over lines"
        case .invalidFieldName: "the name of a field is not a token"
        case .whitespaceBeforeColon: "whitespace between the name of a field and its colon"
        case .controlInValue: "a control character in the value of a field"
        case .invalidContentLength: "Content-Length is not one number"
        case .repeatedContentLength: "more than one Content-Length"
        case .lengthAndTransferEncoding: "Content-Length together with Transfer-Encoding"
        case .transferEncodingInHTTP10: "Transfer-Encoding in HTTP/1.0"
        case .invalidTransferEncoding: "Transfer-Encoding is not a list of codings"
        case .chunkedIsNotLast: "chunked is not the last transfer coding"
        case .codingNotSupported: "the transfer coding is not supported"
        case .missingHost: "the Host field is missing"
        case .repeatedHost: "more than one Host field"
        case .invalidHost: "the value of Host is not valid"
        case .tooManyConnectionOptions: "Connection has too many options"
        }
    }
}

/// What a parser of heads has found so far.
package enum HeadOutcome: Hashable, Sendable {
    /// The head has not ended yet: call again with the same bytes and more behind them.
    case needMore
    /// The head has so many bytes, with the empty line at its end; the body begins behind them.
    case complete(length: Int)
    /// The head is refused, and so is everything behind it.
    case failed(HeadDefect)
}
