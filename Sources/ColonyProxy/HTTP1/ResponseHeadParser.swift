/// What the head of a response says, apart from its fields.
package struct ResponseHead: Hashable, Sendable {
    package internal(set) var status: UInt16 = 0
    package internal(set) var version = MessageVersion.http11
    package internal(set) var framing = BodyFraming.none
    /// Whether the connection may be used again once the body has ended (RFC 9112, section 9.3).
    package internal(set) var isPersistent = false
    /// 100 to 199 but 101: another head follows, of the same request (RFC 9110, section 15.2).
    package var isInterim: Bool { self.status < 200 && self.status != 101 }
    /// 101, or 2xx for CONNECT: what follows is no HTTP.
    package internal(set) var opensTunnel = false
    /// The words behind the status, which may be none.
    package internal(set) var reason = HeadRange.empty
    /// The whole head with the empty line.
    package internal(set) var length = 0
}

/// Finds and checks the heads of the responses on a connection to an endpoint.
///
/// It is as strict about lines and fields as ``RequestHeadParser`` is, and resumes in the same way. In one place it is
/// generous: the space behind the status may be missing where no words follow, which many servers do (RFC 9112, section
/// 4, wants it). A response with `Transfer-Encoding` and `Content-Length`, with a transfer coding other than `chunked`,
/// or with more than one `Content-Length` is refused, for which the client gets 502: RFC 9112, section 6.3, calls the
/// first a likely attack, and the second cannot be handed on, since transfer codings belong to one connection.
package struct ResponseHeadParser: ~Copyable {
    private let limits: HeadLimits
    private let protectedNames: [[UInt8]]
    /// What the head says, after ``HeadOutcome/complete(length:)``.
    package private(set) var head = ResponseHead()
    /// The fields of the head, after ``HeadOutcome/complete(length:)``.
    package private(set) var fields: FieldSection
    private var stage = Stage.statusLine
    private var searched = 0

    private enum Stage {
        case statusLine, fields, complete
        case failed(HeadDefect)
    }

    private enum LineStep {
        case done, incomplete
        case defect(HeadDefect)
    }

    /// - Parameter protectedNames: Names in lower case that `Connection` must not remove, beside those known to the proxy.
    package init(limits: HeadLimits = HeadLimits(), protectedNames: [[UInt8]] = []) {
        self.limits = limits
        self.protectedNames = protectedNames
        self.fields = FieldSection(limits)
    }

    /// Forgets the head. ``parse(_:answering:)`` does the same by itself when it is called after a complete head.
    package mutating func reset() {
        self.stage = .statusLine
        self.searched = 0
        self.fields.reset(lineStart: 0)
    }

    /// Looks for a head at the start of the bytes, as ``RequestHeadParser/parse(_:)`` does.
    ///
    /// - Parameter method: Of the request that this answers: it decides whether there is a body. The same for each call
    ///   of one head.
    package mutating func parse(
        _ bytes: UnsafeRawBufferPointer, answering method: RequestMethod
    ) -> HeadOutcome {
        switch self.stage {
        case .complete: self.reset()
        case .failed(let defect): return .failed(defect)
        case .statusLine, .fields: break
        }
        guard let base = bytes.baseAddress else { return .needMore }
        let end = min(bytes.count, self.limits.maximumHeadBytes)
        if self.searched > 0, !self.isDecided(base, end) { return .needMore }
        if case .statusLine = self.stage {
            switch self.readStatusLine(base, end) {
            case .done: self.stage = .fields
            case .incomplete: return self.wait(base, end)
            case .defect(let defect): return self.fail(defect, base, end)
            }
        }
        switch self.fields.read(base, to: end) {
        case .end(let length):
            self.head.length = length
            if let defect = self.conclude(base, method) { return self.fail(defect) }
            self.stage = .complete
            self.searched = 0
            return .complete(length: length)
        case .incomplete: return self.wait(base, end)
        case .defect(let defect): return self.fail(defect, base, end)
        }
    }

    /// As in ``RequestHeadParser``.
    private mutating func isDecided(_ base: UnsafeRawPointer, _ end: Int) -> Bool {
        let stop = ByteScan.firstControl(base, from: self.searched, to: end)
        if stop == end || (ByteScan.byte(base, stop) == 0x0D && stop + 1 == end) {
            self.searched = stop
            return end == self.limits.maximumHeadBytes
        }
        return true
    }

    private mutating func wait(_ base: UnsafeRawPointer, _ end: Int) -> HeadOutcome {
        if end == self.limits.maximumHeadBytes { return self.fail(.headTooLarge) }
        self.searched = end > 0 && ByteScan.byte(base, end - 1) == 0x0D ? end - 1 : end
        return .needMore
    }

    private mutating func fail(_ defect: HeadDefect, _ base: UnsafeRawPointer, _ end: Int) -> HeadOutcome {
        if case .statusLine = self.stage { self.searched = 0 } else { self.searched = self.fields.lineStart }
        return self.isDecided(base, end) ? self.fail(defect) : .needMore
    }

    private mutating func fail(_ defect: HeadDefect) -> HeadOutcome {
        self.stage = .failed(defect)
        return .failed(defect)
    }

    private mutating func readStatusLine(_ base: UnsafeRawPointer, _ end: Int) -> LineStep {
        guard end >= 12 else {
            return ByteScan.isOpen(base, from: 0, to: end) ? .incomplete : .defect(.invalidStatusLine)
        }
        switch ByteScan.word(base, 0) {
        case 0x312E_312F_5054_5448: self.head.version = .http11
        case 0x302E_312F_5054_5448: self.head.version = .http10
        default: return .defect(.invalidStatusLine)
        }
        var status: UInt16 = 0
        for at in 9..<12 {
            let digit = ByteScan.byte(base, at) &- UInt8(ascii: "0")
            guard digit < 10 else { return .defect(.invalidStatusLine) }
            status = status * 10 + UInt16(digit)
        }
        guard ByteScan.byte(base, 8) == 0x20, status >= 100 else { return .defect(.invalidStatusLine) }
        guard end > 12 else { return .incomplete }
        var start = 12
        if ByteScan.byte(base, 12) == 0x20 {
            start = 13
        } else if ByteScan.byte(base, 12) != 0x0D {
            return .defect(ByteScan.byte(base, 12) == 0x0A ? .bareLineFeed : .invalidStatusLine)
        }
        let stop = ByteScan.firstControl(base, from: start, to: end)
        guard stop < end else { return .incomplete }
        guard ByteScan.byte(base, stop) == 0x0D else {
            return .defect(ByteScan.byte(base, stop) == 0x0A ? .bareLineFeed : .controlInValue)
        }
        guard stop + 1 < end else { return .incomplete }
        guard ByteScan.byte(base, stop + 1) == 0x0A else { return .defect(.bareCarriageReturn) }
        self.head.status = status
        self.head.reason = HeadRange(start, stop)
        self.fields.reset(lineStart: stop + 2)
        return .done
    }

    private mutating func conclude(_ base: UnsafeRawPointer, _ method: RequestMethod) -> HeadDefect? {
        let present = self.fields.present
        let is11 = self.head.version == .http11
        let status = self.head.status
        if present.contains(.transferEncoding) {
            if present.contains(.contentLength) { return .lengthAndTransferEncoding }
            if !is11 { return .transferEncodingInHTTP10 }
            if let defect = self.fields.codings.defect { return defect }
        }
        self.head.opensTunnel = status == 101 || (method == .connect && (200..<300).contains(status))
        let options = self.fields.options
        self.head.isPersistent = !options.contains(.close) && (is11 || options.contains(.keepAlive))
        if method == .head || status < 200 || status == 204 || status == 304 || self.head.opensTunnel {
            self.head.framing = .none
            // 1xx and 204 must not announce a body (RFC 9110, section 8.6). If one does, its bytes may well follow,
            // and they must not be read as the next response.
            if status < 200 || status == 204, self.fields.contentLength > 0 || present.contains(.transferEncoding) {
                self.head.isPersistent = false
            }
        } else if present.contains(.transferEncoding) {
            self.head.framing = .chunked
        } else if present.contains(.contentLength) {
            self.head.framing = self.fields.contentLength > 0 ? .length(self.fields.contentLength) : .none
        } else {
            self.head.framing = .untilClose
            self.head.isPersistent = false
        }
        self.fields.markNamedFields(base, protecting: self.protectedNames)
        return nil
    }
}
