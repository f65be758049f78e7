import NIOCore

/// Tells endpoints whom a request comes from: `X-Forwarded-For`, `-Proto`, and `-Host`, `Forwarded` of RFC 7239, and `Via`.
///
/// Made once for a connection, with the parts that do not change as bytes, so that a request only copies them. From somebody who is not
/// trusted, what the request says of its past is left out; from a trusted proxy it is kept, and the proxy's own address is added behind.
struct ForwardedFields {
    /// What the writer of the head leaves out, because it is written here or not believed.
    let dropped: FieldSet
    /// Whether what the other end says of clients is believed.
    let isTrusted: Bool
    private let sendsXForwarded: Bool
    private let sendsForwarded: Bool
    private let address: [UInt8]
    /// `X-Forwarded-For` and `X-Forwarded-Proto` of a request that says nothing of its past.
    private let usual: [UInt8]
    private let proto: [UInt8]
    /// The element of `Forwarded`, without the host.
    private let element: [UInt8]
    private let via: [UInt8]

    init(_ origin: ConnectionOrigin, settings: ProxySettings) {
        let options = settings.options.forwarding
        let text = origin.clientText
        self.isTrusted = !options.trusted.isEmpty && options.trusted.contains(NetworkAddress(origin.client))
        self.dropped = self.isTrusted ? settings.droppedFromTrusted : settings.droppedFromOthers
        self.sendsXForwarded = options.sendsXForwarded
        self.sendsForwarded = options.sendsForwarded
        let scheme = origin.isSecure ? "https" : "http"
        self.address = Array(text.utf8)
        self.proto = Array("X-Forwarded-Proto: \(scheme)\r\n".utf8)
        self.usual = text.isEmpty ? self.proto : Array("X-Forwarded-For: \(text)\r\n".utf8) + self.proto
        // RFC 7239, section 6: an IPv6 address has brackets and quotes.
        let node = text.isEmpty ? "unknown" : text.contains(":") ? "\"[\(text)]\"" : text
        self.element = Array("for=\(node);proto=\(scheme)".utf8)
        self.via = settings.via
    }

    /// How many bytes are written at most, besides what is copied from the head.
    var bound: Int { 256 + self.usual.count + self.element.count + self.via.count + self.address.count }

    /// Appends the fields, each with its line end.
    ///
    /// - Parameter bytes: The head that `parser` has found complete.
    func write(_ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
        let authority = parser.head.authority
        if self.sendsXForwarded {
            let present = self.isTrusted ? parser.fields.present : FieldSet()
            if present.contains(.xForwardedFor) {
                buffer.writeStaticString("X-Forwarded-For: ")
                Self.copyValues(of: .xForwardedFor, parser, bytes, to: &buffer)
                buffer.writeBytes(self.address)
                buffer.writeStaticString("\r\n")
                if !present.contains(.xForwardedProto) { buffer.writeBytes(self.proto) }
            } else if present.contains(.xForwardedProto) {
                buffer.writeStaticString("X-Forwarded-For: ")
                buffer.writeBytes(self.address)
                buffer.writeStaticString("\r\n")
            } else {
                buffer.writeBytes(self.usual)
            }
            if !present.contains(.xForwardedHost), !authority.isEmpty {
                buffer.writeStaticString("X-Forwarded-Host: ")
                buffer.writeBytes(authority.bytes(in: bytes))
                buffer.writeStaticString("\r\n")
            }
        }
        if self.sendsForwarded {
            buffer.writeStaticString("Forwarded: ")
            if self.isTrusted { Self.copyValues(of: .forwarded, parser, bytes, to: &buffer) }
            buffer.writeBytes(self.element)
            if !authority.isEmpty {
                buffer.writeStaticString(";host=\"")
                buffer.writeBytes(authority.bytes(in: bytes))
                buffer.writeStaticString("\"")
            }
            buffer.writeStaticString("\r\n")
        }
        if !self.via.isEmpty {
            buffer.writeStaticString("Via: ")
            Self.copyValues(of: .via, parser, bytes, to: &buffer)
            buffer.writeBytes(self.via)
        }
    }

    /// Appends all values of a field, each with a comma behind it: several lines are one list.
    private static func copyValues(
        of field: KnownField, _ parser: borrowing RequestHeadParser, _ bytes: UnsafeRawBufferPointer,
        to buffer: inout ByteBuffer
    ) {
        var index = parser.fields.firstIndex(of: field)
        while let found = index {
            let value = parser.fields[found].value
            if !value.isEmpty {
                buffer.writeBytes(value.bytes(in: bytes))
                buffer.writeStaticString(", ")
            }
            index = parser.fields.firstIndex(of: field, from: found + 1)
        }
    }
}
