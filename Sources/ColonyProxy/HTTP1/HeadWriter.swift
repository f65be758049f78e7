package import NIOCore

/// What becomes of the head of a request on its way to an endpoint.
package struct RequestRewrite: Sendable {
    /// What stands where the target of the request stood.
    package enum Target: Hashable, Sendable {
        /// Path and query as they came; of `http://host/path` only these.
        case kept
        /// These bytes, which begin with a slash and hold the query too.
        case replaced([UInt8])
        /// These bytes in place of the first `count` bytes of the path, and the rest as it came.
        case prefixReplaced(count: Int, with: [UInt8])
    }

    package var target = Target.kept
    /// The value of `Host`; `nil` keeps the one of the request, which is that of the target if that has a host.
    package var host: [UInt8]?
    /// Known fields that go no further, beside those of the connection: those that the proxy writes itself.
    package var dropping = FieldSet()
    /// More names that go no further, in lower case; known ones are cheaper in ``dropping``. An underscore
    /// in a name of the head counts as a hyphen, as in many servers.
    package var droppedNames: [[UInt8]] = []
    /// Whether an upgrade that the head asks for is passed through.
    package var passesUpgrade = false
    /// Whether the endpoint shall close the connection after its answer.
    package var closes = false

    package init() {}
}

/// What becomes of the head of a response on its way to the client.
package struct ResponseRewrite: Sendable {
    /// What the client is told about the connection.
    package enum Connection: Hashable, Sendable {
        /// Nothing: an HTTP/1.1 client takes it for going on.
        case unsaid
        case close
        /// For a client of HTTP/1.0 that asked for it.
        case keepAlive
    }

    package var connection = Connection.unsaid
    /// Known fields that go no further, beside those of the connection.
    package var dropping = FieldSet()
    /// More names that go no further, in lower case; known ones are cheaper in ``dropping``. An underscore
    /// in a name of the head counts as a hyphen, as in many servers.
    package var droppedNames: [[UInt8]] = []
    /// Whether `Upgrade` is passed through: with 101, and with 426.
    package var passesUpgrade = false
    /// Whether `Transfer-Encoding: chunked` is left out because the body is sent without chunks.
    package var removesChunks = false

    package init() {}
}

extension RequestHeadParser {
    /// Appends the request line and the fields for the endpoint, without the empty line at the end.
    ///
    /// Then the caller appends the fields of its own, each with CR LF, and ``HeadEnd/write(to:)``. Lines are copied as
    /// they are, runs of them at once. What belongs to the connection (RFC 9110, section 7.6.1) is left out or written
    /// anew: `Connection`, `TE: trailers`, and `Transfer-Encoding: chunked` in just these letters, since endpoints have
    /// been seen that do not know others.
    ///
    /// A request without any host gets an empty `Host`, which HTTP/1.1 asks for, unless ``RequestRewrite/host`` is set.
    ///
    /// - Parameters:
    ///   - bytes: The head from its first byte on, as ``parse(_:)`` saw it complete.
    ///   - reserving: How many bytes the caller will append, so that the buffer grows once.
    package borrowing func write(
        _ bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer, rewrite: borrowing RequestRewrite,
        reserving: Int = 0
    ) {
        guard let base = bytes.baseAddress else { return }
        let head = self.head
        precondition(bytes.count >= head.length, "a head of \(head.length) bytes, not of \(bytes.count)")
        var bound = head.length + 192 + (rewrite.host?.count ?? 0)
        switch rewrite.target {
        case .kept: break
        case .replaced(let target): bound += target.count
        case .prefixReplaced(_, let prefix): bound += prefix.count
        }
        buffer.reserveCapacity(minimumWritableBytes: bound + reserving)
        let upgrades = rewrite.passesUpgrade && head.requestsUpgrade
        var dropped = FieldSet.hopByHop.union(rewrite.dropping)
        if upgrades { dropped.remove(.upgrade) }
        let writesHost = rewrite.host != nil || head.form == .absolute || !self.fields.present.contains(.host)
        if writesHost { dropped.insert(.host) }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { memory in
            var out = HeadCursor(memory)
            out.append(base, head.methodName)
            out.append(" ")
            Self.appendTarget(head, base, rewrite.target, &out)
            out.append(" HTTP/1.1\r\n")
            if writesHost {
                out.append("Host: ")
                if let host = rewrite.host { out.append(host) } else { out.append(base, head.authority) }
                out.append("\r\n")
            }
            self.fields.copy(base, end: head.length - 2, dropping: dropped, names: rewrite.droppedNames, &out)
            if head.framing == .chunked { out.append("Transfer-Encoding: chunked\r\n") }
            self.fields.appendLength(&out, dropping: dropped)
            let welcomesTrailers = self.fields.acceptsTrailers
            if welcomesTrailers { out.append("TE: trailers\r\n") }
            if welcomesTrailers || upgrades || rewrite.closes {
                out.append("Connection: ")
                if welcomesTrailers { out.append(upgrades || rewrite.closes ? "TE, " : "TE") }
                if upgrades { out.append(rewrite.closes ? "upgrade, " : "upgrade") }
                if rewrite.closes { out.append("close") }
                out.append("\r\n")
            }
            return out.count
        }
    }

    private static func appendTarget(
        _ head: RequestHead, _ base: UnsafeRawPointer, _ target: RequestRewrite.Target, _ out: inout HeadCursor
    ) {
        switch target {
        case .replaced(let target): out.append(target)
        case .prefixReplaced(let count, let prefix):
            out.append(prefix)
            let path = head.pathAndQuery
            out.append(base, HeadRange(path.lowerBound + min(max(count, 0), head.path.count), path.upperBound))
        case .kept:
            switch head.form {
            case .origin: out.append(base, head.target)
            case .authority, .asterisk: out.append(base, head.target)
            case .absolute:
                // RFC 9112, section 3.2.4: OPTIONS for a host without a path is for the server as a whole.
                if head.path.isEmpty {
                    out.append(head.method == .options && head.pathAndQuery.isEmpty ? "*" : "/")
                }
                out.append(base, head.pathAndQuery)
            }
        }
    }
}

extension ResponseHeadParser {
    /// Appends the status line and the fields for the client, without the empty line at the end.
    ///
    /// Then the caller appends the fields of its own, each with CR LF, and ``HeadEnd/write(to:)``. In 1xx and 204
    /// nothing says that a body follows (RFC 9110, section 8.6).
    ///
    /// - Parameters:
    ///   - bytes: The head from its first byte on, as ``parse(_:answering:)`` saw it complete.
    ///   - reserving: How many bytes the caller will append, so that the buffer grows once.
    package borrowing func write(
        _ bytes: UnsafeRawBufferPointer, to buffer: inout ByteBuffer, rewrite: borrowing ResponseRewrite,
        reserving: Int = 0
    ) {
        guard let base = bytes.baseAddress else { return }
        let head = self.head
        precondition(bytes.count >= head.length, "a head of \(head.length) bytes, not of \(bytes.count)")
        let bound = head.length + 128
        buffer.reserveCapacity(minimumWritableBytes: bound + reserving)
        var dropped = FieldSet.hopByHop.union(rewrite.dropping)
        let hasNoBody = head.status < 200 || head.status == 204
        if hasNoBody { dropped.insert(.contentLength) }
        let upgrades = rewrite.passesUpgrade && self.fields.present.contains(.upgrade)
        if upgrades { dropped.remove(.upgrade) }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { memory in
            var out = HeadCursor(memory)
            out.append("HTTP/1.1 ")
            out.appendStatus(head.status)
            out.append(" ")
            out.append(base, head.reason)
            out.append("\r\n")
            self.fields.copy(base, end: head.length - 2, dropping: dropped, names: rewrite.droppedNames, &out)
            if !hasNoBody, !rewrite.removesChunks, self.fields.present.contains(.transferEncoding) {
                out.append("Transfer-Encoding: chunked\r\n")
            }
            self.fields.appendLength(&out, dropping: dropped)
            switch rewrite.connection {
            case .unsaid: out.append(upgrades ? "Connection: upgrade\r\n" : "")
            case .close: out.append(upgrades ? "Connection: upgrade, close\r\n" : "Connection: close\r\n")
            case .keepAlive: out.append("Connection: keep-alive\r\n")
            }
            return out.count
        }
    }
}

/// The empty line behind a head.
package enum HeadEnd {
    /// Appends it.
    package static func write(to buffer: inout ByteBuffer) { buffer.writeInteger(UInt16(0x0D0A)) }
}
