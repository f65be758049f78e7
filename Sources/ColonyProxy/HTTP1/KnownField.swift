/// The fields that the proxy knows by name, so that later steps compare one byte in place of a name.
package enum KnownField: UInt8, Hashable, Sendable, CaseIterable {
    /// Any other name.
    case other
    case host, contentLength, transferEncoding, connection, keepAlive, proxyConnection, te, trailer, upgrade
    case expect, http2Settings, forwarded, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort
    case xForwardedPrefix, xRealIP, via, date, server, cookie, setCookie, authorization, proxyAuthorization
    case contentType, contentEncoding, acceptEncoding, cacheControl, userAgent, referer, location, xRequestID
    case traceparent

    /// The name in lower case; empty for ``other``.
    package var name: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .connection: "connection"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .te: "te"
        case .trailer: "trailer"
        case .upgrade: "upgrade"
        case .expect: "expect"
        case .http2Settings: "http2-settings"
        case .forwarded: "forwarded"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedProto: "x-forwarded-proto"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedPort: "x-forwarded-port"
        case .xForwardedPrefix: "x-forwarded-prefix"
        case .xRealIP: "x-real-ip"
        case .via: "via"
        case .date: "date"
        case .server: "server"
        case .cookie: "cookie"
        case .setCookie: "set-cookie"
        case .authorization: "authorization"
        case .proxyAuthorization: "proxy-authorization"
        case .contentType: "content-type"
        case .contentEncoding: "content-encoding"
        case .acceptEncoding: "accept-encoding"
        case .cacheControl: "cache-control"
        case .userAgent: "user-agent"
        case .referer: "referer"
        case .location: "location"
        case .xRequestID: "x-request-id"
        case .traceparent: "traceparent"
        }
    }

    /// Which field has this name, in letters of either case.
    ///
    /// Two or three words of the name are compared with the only candidates of its length. `| 0x20` makes letters small
    /// and leaves digits and the hyphen alone; of the bytes of a token no other becomes one of these.
    ///
    /// - Parameter count: The length of the name, whose bytes are all of a token (RFC 9110, section 5.6.2).
    @inline(__always)
    package static func named(_ base: UnsafeRawPointer, _ start: Int, count: Int) -> KnownField {
        if count >= 8 {
            if count > Self.longestName { return .other }
            let small: UInt64 = 0x2020_2020_2020_2020
            let first = ByteScan.word(base, start) | small
            let last = ByteScan.word(base, start &+ count &- 8) | small
            return count <= 16
                ? Self.named(first, last, count: count)
                : Self.named(first, ByteScan.word(base, start &+ 8) | small, last, count: count)
        }
        if count >= 4 {
            let first = ByteScan.halfWord(base, start) | 0x2020_2020
            let last = ByteScan.halfWord(base, start &+ count &- 4) | 0x2020_2020
            return Self.named(first, last, count: count)
        }
        if count == 2, ByteScan.equals(base, start, start &+ 2, ignoringCase: "te") { return .te }
        if count == 3, ByteScan.equals(base, start, start &+ 3, ignoringCase: "via") { return .via }
        return .other
    }

    /// Whether a name becomes one that the proxy knows, or one of the `X-Forwarded-` family, when its underscores become
    /// hyphens.
    ///
    /// CGI and WSGI make one variable of `X-Forwarded-For` and `X_Forwarded_For`, so a client could say through the second
    /// what the proxy has taken out of the first. nginx leaves out every name with an underscore for that, which is the
    /// most frequent complaint about lost fields; here only those go that could be taken for another.
    static func isLookalike(_ base: UnsafeRawPointer, _ start: Int, count: Int) -> Bool {
        guard count <= Self.longestName else { return false }
        var name: (UInt64, UInt64, UInt64) = (0, 0, 0)
        return withUnsafeMutableBytes(of: &name) { bytes in
            for at in 0..<count {
                bytes[at] = ByteScan.lowerWithHyphens(ByteScan.byte(base, start + at))
            }
            let prefix: StaticString = "x-forwarded-"
            let length = prefix.utf8CodeUnitCount
            if count > length, (0..<length).allSatisfy({ bytes[$0] == prefix.utf8Start[$0] }) { return true }
            return bytes.baseAddress.map { Self.named(UnsafeRawPointer($0), 0, count: count) != .other } ?? false
        }
    }

    /// The length of the longest name.
    static let longestName = 19

    /// Names of 4 to 7 bytes: their first four and their last four.
    @inline(__always)
    private static func named(_ first: UInt32, _ last: UInt32, count: Int) -> KnownField {
        switch count {
        case 4:
            if first == 0x7473_6F68, last == 0x7473_6F68 { return .host }
            if first == 0x6574_6164, last == 0x6574_6164 { return .date }
        case 6:
            if first == 0x6570_7865, last == 0x7463_6570 { return .expect }
            if first == 0x7672_6573, last == 0x7265_7672 { return .server }
            if first == 0x6B6F_6F63, last == 0x6569_6B6F { return .cookie }
        case 7:
            if first == 0x6961_7274, last == 0x7265_6C69 { return .trailer }
            if first == 0x7267_7075, last == 0x6564_6172 { return .upgrade }
            if first == 0x6566_6572, last == 0x7265_7265 { return .referer }
        default: break
        }
        return .other
    }

    /// Names of 8 to 16 bytes: their first eight and their last eight.
    @inline(__always)
    private static func named(_ first: UInt64, _ last: UInt64, count: Int) -> KnownField {
        switch count {
        case 8:
            if first == 0x6E6F_6974_6163_6F6C, last == 0x6E6F_6974_6163_6F6C { return .location }
        case 9:
            if first == 0x6564_7261_7772_6F66, last == 0x6465_6472_6177_726F { return .forwarded }
            if first == 0x692D_6C61_6572_2D78, last == 0x7069_2D6C_6165_722D { return .xRealIP }
        case 10:
            if first == 0x6974_6365_6E6E_6F63, last == 0x6E6F_6974_6365_6E6E { return .connection }
            if first == 0x696C_612D_7065_656B, last == 0x6576_696C_612D_7065 { return .keepAlive }
            if first == 0x6B6F_6F63_2D74_6573, last == 0x6569_6B6F_6F63_2D74 { return .setCookie }
            if first == 0x6567_612D_7265_7375, last == 0x746E_6567_612D_7265 { return .userAgent }
        case 11:
            if first == 0x7261_7065_6361_7274, last == 0x746E_6572_6170_6563 { return .traceparent }
        case 12:
            if first == 0x2D74_6E65_746E_6F63, last == 0x6570_7974_2D74_6E65 { return .contentType }
            if first == 0x7365_7571_6572_2D78, last == 0x6469_2D74_7365_7571 { return .xRequestID }
        case 13:
            if first == 0x7A69_726F_6874_7561, last == 0x6E6F_6974_617A_6972 { return .authorization }
            if first == 0x6F63_2D65_6863_6163, last == 0x6C6F_7274_6E6F_632D { return .cacheControl }
        case 14:
            if first == 0x2D74_6E65_746E_6F63, last == 0x6874_676E_656C_2D74 { return .contentLength }
            if first == 0x6573_2D32_7074_7468, last == 0x7367_6E69_7474_6573 { return .http2Settings }
        case 15:
            if first == 0x7261_7772_6F66_2D78, last == 0x726F_662D_6465_6472 { return .xForwardedFor }
            if first == 0x652D_7470_6563_6361, last == 0x676E_6964_6F63_6E65 { return .acceptEncoding }
        case 16:
            if first == 0x6F63_2D79_786F_7270, last == 0x6E6F_6974_6365_6E6E { return .proxyConnection }
            if first == 0x7261_7772_6F66_2D78, last == 0x7473_6F68_2D64_6564 { return .xForwardedHost }
            if first == 0x7261_7772_6F66_2D78, last == 0x7472_6F70_2D64_6564 { return .xForwardedPort }
            if first == 0x2D74_6E65_746E_6F63, last == 0x676E_6964_6F63_6E65 { return .contentEncoding }
        default: break
        }
        return .other
    }

    /// Names of 17 to 24 bytes: their first eight, those behind, and their last eight.
    private static func named(_ first: UInt64, _ middle: UInt64, _ last: UInt64, count: Int) -> KnownField {
        let known: KnownField
        let wanted: (UInt64, UInt64, UInt64)
        switch (count, last) {
        case (17, 0x676E_6964_6F63_6E65):
            (known, wanted) = (.transferEncoding, (0x7265_6673_6E61_7274, 0x6E69_646F_636E_652D, last))
        case (17, 0x6F74_6F72_702D_6465):
            (known, wanted) = (.xForwardedProto, (0x7261_7772_6F66_2D78, 0x746F_7270_2D64_6564, last))
        case (18, 0x7869_6665_7270_2D64):
            (known, wanted) = (.xForwardedPrefix, (0x7261_7772_6F66_2D78, 0x6665_7270_2D64_6564, last))
        case (19, 0x6E6F_6974_617A_6972):
            (known, wanted) = (.proxyAuthorization, (0x7561_2D79_786F_7270, 0x7461_7A69_726F_6874, last))
        default: return .other
        }
        return first == wanted.0 && middle == wanted.1 ? known : .other
    }
}

/// A set of known fields.
package struct FieldSet: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init(_ fields: KnownField...) {
        self.rawValue = fields.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    }

    @inline(__always)
    package func contains(_ field: KnownField) -> Bool { self.rawValue >> UInt64(field.rawValue) & 1 != 0 }

    @inline(__always)
    package mutating func insert(_ field: KnownField) {
        self = FieldSet(rawValue: self.rawValue | 1 << UInt64(field.rawValue))
    }

    @inline(__always)
    package mutating func remove(_ field: KnownField) {
        self = FieldSet(rawValue: self.rawValue & ~(1 << UInt64(field.rawValue)))
    }

    /// Those that belong to one connection alone (RFC 9110, section 7.6.1), which the writer makes itself or leaves out.
    ///
    /// `HTTP2-Settings` goes with them: it only stands beside an upgrade to `h2c`, which is never passed through.
    /// `Trailer` is none of them since RFC 9110 (section 6.6.2).
    package static var hopByHop: FieldSet {
        FieldSet(
            rawValue: Self.bit(.connection) | Self.bit(.keepAlive) | Self.bit(.proxyConnection) | Self.bit(.te)
                | Self.bit(.transferEncoding) | Self.bit(.upgrade) | Self.bit(.http2Settings))
    }

    /// Those whose value the parser looks at.
    static var inspected: FieldSet {
        FieldSet(
            rawValue: Self.bit(.host) | Self.bit(.contentLength) | Self.bit(.transferEncoding) | Self.bit(.connection)
                | Self.bit(.te) | Self.bit(.upgrade) | Self.bit(.expect))
    }

    @inline(__always)
    private static func bit(_ field: KnownField) -> UInt64 { 1 << UInt64(field.rawValue) }
}
