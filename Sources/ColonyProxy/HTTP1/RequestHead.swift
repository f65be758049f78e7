/// The method of a request. Methods are case-sensitive (RFC 9110, section 9.1): `get` is ``other``.
package enum RequestMethod: UInt8, Hashable, Sendable, CaseIterable {
    case get, head, post, put, delete, connect, options, trace, patch
    /// Any other token; ``RequestHead/methodName`` has it.
    case other

    /// Whether a request may be sent again after its answer was lost (RFC 9110, section 9.2.2).
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .options, .trace, .put, .delete: true
        case .post, .patch, .connect, .other: false
        }
    }

    /// Whether a request only reads (RFC 9110, section 9.2.1).
    package var isSafe: Bool {
        switch self {
        case .get, .head, .options, .trace: true
        default: false
        }
    }

    @inline(__always)
    static func named(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> RequestMethod {
        switch end &- start {
        case 3:
            // A method has a space, a byte of the target, and more behind it: four bytes are always there.
            switch ByteScan.halfWord(base, start) {
            case 0x2054_4547: return .get
            case 0x2054_5550: return .put
            default: return .other
            }
        case 4:
            switch ByteScan.halfWord(base, start) {
            case 0x5453_4F50: return .post
            case 0x4441_4548: return .head
            default: return .other
            }
        case 5:
            switch (ByteScan.halfWord(base, start), ByteScan.byte(base, start &+ 4)) {
            case (0x4354_4150, 0x48): return .patch
            case (0x4341_5254, 0x45): return .trace
            default: return .other
            }
        case 6:
            return Self.isExactly("DELETE", base, start, end) ? .delete : .other
        case 7:
            if Self.isExactly("OPTIONS", base, start, end) { return .options }
            return Self.isExactly("CONNECT", base, start, end) ? .connect : .other
        default: return .other
        }
    }

    private static func isExactly(_ name: StaticString, _ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Bool {
        for at in 0..<(end - start) where ByteScan.byte(base, start + at) != name.utf8Start[at] { return false }
        return true
    }
}

/// How a request target is written (RFC 9112, section 3.2).
package enum TargetForm: UInt8, Hashable, Sendable {
    /// `/path?query`.
    case origin
    /// `http://host/path?query`: its host counts, and `Host` does not.
    case absolute
    /// `host:port`, with CONNECT and only there.
    case authority
    /// `*`, with OPTIONS and only there.
    case asterisk
}

/// Which version of HTTP a message is of. A higher minor number counts as 1.1 (RFC 9110, section 2.5).
package enum MessageVersion: UInt8, Hashable, Sendable {
    case http10, http11
}

/// Where the body of a message ends (RFC 9112, section 6.3).
package enum BodyFraming: Hashable, Sendable {
    /// There is no body; also for `Content-Length: 0`.
    case none
    /// So many bytes, more than none and below 2⁶³.
    case length(UInt64)
    /// ``ChunkedScanner`` finds the end.
    case chunked
    /// The end of the connection is the end of the body. Only in responses.
    case untilClose
}

/// What the head of a request says, apart from its fields. Plain numbers: a copy costs next to nothing.
package struct RequestHead: Hashable, Sendable {
    package internal(set) var method = RequestMethod.other
    package internal(set) var version = MessageVersion.http11
    package internal(set) var form = TargetForm.origin
    package internal(set) var framing = BodyFraming.none
    /// Whether the client wants to go on with this connection (RFC 9112, section 9.3).
    package internal(set) var isPersistent = false
    /// `Expect: 100-continue` in HTTP/1.1. In HTTP/1.0 it is ignored (RFC 9110, section 10.1.1).
    package internal(set) var expectsContinue = false
    /// `Connection: upgrade` with an `Upgrade` that names no `h2c`, in HTTP/1.1 (RFC 9110, section 7.8).
    package internal(set) var requestsUpgrade = false
    package internal(set) var methodName = HeadRange.empty
    /// The target as it came.
    package internal(set) var target = HeadRange.empty
    /// The path, without the query. Empty for `authority` and `asterisk`, and for `http://host`, where it means `/`.
    package internal(set) var path = HeadRange.empty
    /// The query behind its question mark; empty without one.
    package internal(set) var query = HeadRange.empty
    /// Host and port: of the target if that has them, otherwise of `Host`. Empty if neither has.
    package internal(set) var authority = HeadRange.empty
    /// The whole head with the empty line, and with empty lines before it.
    package internal(set) var length = 0

    /// Whether ``path`` is to be read as `/`.
    package var hasImpliedRoot: Bool { self.form == .absolute && self.path.isEmpty }
    /// The path and the query as one range, the question mark between them.
    package var pathAndQuery: HeadRange { HeadRange(self.path.lowerBound, self.target.upperBound) }
}
