/// Finds and checks the head of one request after another on a connection.
///
/// The bytes stay where they are; the parser keeps offsets into them, in a table that is made once. Lines are read as
/// they become whole: where a head comes in pieces, ``parse(_:)`` is called with all its bytes so far and goes on with
/// the line that was not whole. In that line it looks only at bytes that are new, so that a client that sends byte by
/// byte costs O(*n*) in all. However a head is cut, the outcome is the same.
///
/// What is refused and why stands at ``FieldSection`` for fields and at ``HeadDefect`` for all. Beyond that:
///
/// - The request line is a method, one space, a target, one space, a version. RFC 9112, section 3, lets a server be
///   generous about whitespace there; two that are generous in two ways see two targets.
/// - A target has the bytes `!` to `~` without `#`. That is more than RFC 3986 has: `"<>\^{|}` and the backtick come from
///   browsers and are handed on as they are, as nginx and HAProxy do. Bytes above 127 are refused, as by HAProxy.
/// - `Content-Length` together with `Transfer-Encoding` is refused (RFC 9112, section 6.1, permits that), and so is
///   `Transfer-Encoding` in HTTP/1.0.
package struct RequestHeadParser: ~Copyable {
    private let limits: HeadLimits
    private let classes: UnsafePointer<UInt8>
    /// The names that no option of `Connection` removes: see ``FieldSection/markNamedFields(_:protecting:)``.
    private let protectedNames: [[UInt8]]
    /// What the head says, after ``HeadOutcome/complete(length:)``.
    package private(set) var head = RequestHead()
    /// The fields of the head, after ``HeadOutcome/complete(length:)``.
    package private(set) var fields: FieldSection
    private var stage = Stage.requestLine
    /// Where the request line begins, behind empty lines.
    private var lineStart = 0
    private var emptyLines = 0
    /// Up to here, no line ends and no control character stands in the line that is not whole.
    private var searched = 0

    private enum Stage {
        case requestLine, fields, complete
        case failed(HeadDefect)
    }

    private enum LineStep {
        case done, incomplete
        case defect(HeadDefect)
    }

    /// - Parameter protectedNames: Names in lower case that `Connection` must not remove, beside those known to the proxy:
    ///   what a proxy in front of this one puts in and the servers trust.
    package init(limits: HeadLimits = HeadLimits(), protectedNames: [[UInt8]] = []) {
        self.limits = limits
        self.protectedNames = protectedNames
        self.classes = ByteScan.classes
        self.fields = FieldSection(limits)
    }

    /// Forgets the head. ``parse(_:)`` does the same by itself when it is called after a complete head.
    package mutating func reset() {
        self.stage = .requestLine
        self.lineStart = 0
        self.emptyLines = 0
        self.searched = 0
        self.fields.reset(lineStart: 0)
    }

    /// Looks for a head at the start of the bytes.
    ///
    /// - Parameter bytes: All bytes of the connection that no earlier message used. After `needMore` the next call has
    ///   the same bytes, at whatever place in memory, and more behind them. After `complete` the next call begins a new
    ///   head. After `failed` each call gives the same defect until ``reset()``.
    package mutating func parse(_ bytes: UnsafeRawBufferPointer) -> HeadOutcome {
        switch self.stage {
        case .complete: self.reset()
        case .failed(let defect): return .failed(defect)
        case .requestLine, .fields: break
        }
        guard let base = bytes.baseAddress else { return .needMore }
        let end = min(bytes.count, self.limits.maximumHeadBytes)
        if self.searched > 0, !self.isDecided(base, end) { return .needMore }
        if case .requestLine = self.stage {
            switch self.readRequestLine(base, end) {
            case .done: self.stage = .fields
            case .incomplete: return self.wait(base, end)
            case .defect(let defect): return self.fail(defect, base, end)
            }
        }
        switch self.fields.read(base, to: end) {
        case .end(let length):
            self.head.length = length
            if let defect = self.conclude(base) { return self.fail(defect) }
            self.stage = .complete
            self.searched = 0
            return .complete(length: length)
        case .incomplete: return self.wait(base, end)
        case .defect(let defect): return self.fail(defect, base, end)
        }
    }

    /// Whether more can be said about the line that was not whole: it has ended, or a control character stands in it.
    ///
    /// Only then is it read again, so that what is found does not depend on how the bytes were cut.
    private mutating func isDecided(_ base: UnsafeRawPointer, _ end: Int) -> Bool {
        let stop = ByteScan.firstControl(base, from: self.searched, to: end)
        if stop == end || (ByteScan.byte(base, stop) == 0x0D && stop + 1 == end) {
            self.searched = stop
            return end == self.limits.maximumHeadBytes
        }
        return true
    }

    private mutating func wait(_ base: UnsafeRawPointer, _ end: Int) -> HeadOutcome {
        if end == self.limits.maximumHeadBytes {
            if case .requestLine = self.stage { return self.fail(.targetTooLong) }
            return self.fail(.headTooLarge)
        }
        self.searched = end > 0 && ByteScan.byte(base, end - 1) == 0x0D ? end - 1 : end
        return .needMore
    }

    /// Fails, unless the defect stands in a line that has not ended: then the rest of it is waited for.
    private mutating func fail(_ defect: HeadDefect, _ base: UnsafeRawPointer, _ end: Int) -> HeadOutcome {
        if case .requestLine = self.stage {
            self.searched = self.lineStart
        } else {
            self.searched = self.fields.lineStart
        }
        return self.isDecided(base, end) ? self.fail(defect) : .needMore
    }

    private mutating func fail(_ defect: HeadDefect) -> HeadOutcome {
        self.stage = .failed(defect)
        return .failed(defect)
    }

    /// What only the whole head can tell: its framing, its host, and what becomes of the connection.
    private mutating func conclude(_ base: UnsafeRawPointer) -> HeadDefect? {
        let present = self.fields.present
        let is11 = self.head.version == .http11
        self.head.framing = .none
        if present.contains(.transferEncoding) {
            if present.contains(.contentLength) { return .lengthAndTransferEncoding }
            if !is11 { return .transferEncodingInHTTP10 }
            if let defect = self.fields.codings.defect { return defect }
            self.head.framing = .chunked
        } else if present.contains(.contentLength), self.fields.contentLength > 0 {
            self.head.framing = .length(self.fields.contentLength)
        }
        if !present.contains(.host), is11 { return .missingHost }
        if self.head.form == .origin || self.head.form == .asterisk { self.head.authority = self.fields.host }
        let options = self.fields.options
        self.head.isPersistent = !options.contains(.close) && (is11 || options.contains(.keepAlive))
        self.head.expectsContinue = is11 && self.fields.expectsContinue
        self.head.requestsUpgrade = is11 && options.contains(.upgrade) && self.fields.namesProtocol
        self.fields.markNamedFields(base, protecting: self.protectedNames)
        return nil
    }
}

extension RequestHeadParser {
    private mutating func readRequestLine(_ base: UnsafeRawPointer, _ end: Int) -> LineStep {
        // Some clients send an empty line behind a body (RFC 9112, section 2.2).
        while self.lineStart < end, ByteScan.byte(base, self.lineStart) == 0x0D {
            guard self.lineStart + 1 < end else { return .incomplete }
            guard ByteScan.byte(base, self.lineStart + 1) == 0x0A else { return .defect(.bareCarriageReturn) }
            guard self.emptyLines < self.limits.maximumEmptyLines else { return .defect(.tooManyEmptyLines) }
            self.emptyLines += 1
            self.lineStart += 2
        }
        let start = self.lineStart
        let classes = self.classes
        var at = start
        while at < end, classes[Int(ByteScan.byte(base, at))] & ByteScan.token != 0 { at &+= 1 }
        guard at < end else { return .incomplete }
        guard ByteScan.byte(base, at) == 0x20, at > start else {
            return .defect(at == start && ByteScan.byte(base, at) == 0x0A ? .bareLineFeed : .methodIsNoToken)
        }
        guard at &- start <= self.limits.maximumMethodBytes else { return .defect(.methodTooLong) }
        let target = at &+ 1
        let targetEnd = ByteScan.targetEnd(base, from: target, to: end)
        guard targetEnd < end else { return .incomplete }
        guard targetEnd &- target <= self.limits.maximumTargetBytes else { return .defect(.targetTooLong) }
        guard ByteScan.byte(base, targetEnd) == 0x20 else {
            let endsLine = ByteScan.byte(base, targetEnd) == 0x0D || ByteScan.byte(base, targetEnd) == 0x0A
            return .defect(endsLine ? .invalidRequestLine : .invalidTarget)
        }
        guard targetEnd > target else { return .defect(.invalidRequestLine) }
        let version = targetEnd &+ 1
        guard end &- version >= 8 else {
            return ByteScan.isOpen(base, from: version, to: end) ? .incomplete : .defect(.invalidVersion)
        }
        switch ByteScan.word(base, version) {
        case 0x312E_312F_5054_5448: self.head.version = .http11
        case 0x302E_312F_5054_5448: self.head.version = .http10
        default:
            if let defect = Self.otherVersion(base, version) { return .defect(defect) }
            self.head.version = .http11
        }
        guard version &+ 8 < end else { return .incomplete }
        guard ByteScan.byte(base, version &+ 8) == 0x0D else {
            return .defect(ByteScan.byte(base, version &+ 8) == 0x0A ? .bareLineFeed : .invalidRequestLine)
        }
        guard version &+ 9 < end else { return .incomplete }
        guard ByteScan.byte(base, version &+ 9) == 0x0A else { return .defect(.bareCarriageReturn) }
        self.head.methodName = HeadRange(start, at)
        self.head.method = RequestMethod.named(base, start, at)
        self.head.target = HeadRange(target, targetEnd)
        if let defect = self.readTarget(base, target, targetEnd) { return .defect(defect) }
        self.fields.reset(lineStart: version &+ 10)
        return .done
    }

    /// A version that is neither 1.0 nor 1.1: 505 for another major number, `nil` for a higher minor one.
    private static func otherVersion(_ base: UnsafeRawPointer, _ at: Int) -> HeadDefect? {
        let classes = ByteScan.classes
        guard ByteScan.word(base, at) & 0xFF_FFFF_FFFF == 0x2F_5054_5448,
            ByteScan.byte(base, at + 6) == UInt8(ascii: "."),
            classes[Int(ByteScan.byte(base, at + 5))] & classes[Int(ByteScan.byte(base, at + 7))] & ByteScan.digit != 0
        else { return .invalidVersion }
        return ByteScan.byte(base, at + 5) == UInt8(ascii: "1") ? nil : .versionNotSupported
    }

    /// Takes the target apart (RFC 9112, section 3.2).
    @inline(__always)
    private mutating func readTarget(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> HeadDefect? {
        if ByteScan.byte(base, start) == UInt8(ascii: "/"), self.head.method != .connect {
            self.head.form = .origin
            self.splitPath(base, start, end)
            return nil
        }
        return self.readOtherTarget(base, start, end)
    }

    private mutating func splitPath(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) {
        let mark = ByteScan.first(UInt8(ascii: "?"), base, from: start, to: end)
        self.head.path = HeadRange(start, mark)
        self.head.query = mark == end ? HeadRange(end, end) : HeadRange(mark &+ 1, end)
    }

    private mutating func readOtherTarget(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> HeadDefect? {
        if self.head.method == .connect {
            // RFC 9110, section 9.3.6: a host and a port, neither of them left out.
            guard let port = HostSyntax.portStart(base, start, end), port < end else { return .invalidTarget }
            self.head.form = .authority
            self.head.authority = HeadRange(start, end)
            (self.head.path, self.head.query) = (HeadRange(end, end), HeadRange(end, end))
            return nil
        }
        if end - start == 1, ByteScan.byte(base, start) == UInt8(ascii: "*") {
            guard self.head.method == .options else { return .invalidTarget }
            self.head.form = .asterisk
            (self.head.path, self.head.query) = (HeadRange(end, end), HeadRange(end, end))
            return nil
        }
        let schemes: [StaticString] = ["http://", "https://"]
        for scheme in schemes {
            let authority = start + scheme.utf8CodeUnitCount
            guard authority < end, ByteScan.equals(base, start, authority, ignoringCase: scheme) else { continue }
            var at = authority
            while at < end, ByteScan.byte(base, at) != UInt8(ascii: "/"), ByteScan.byte(base, at) != UInt8(ascii: "?") {
                at += 1
            }
            // A user's name before `@` is refused with it: RFC 9110, section 4.2.4. An empty host: section 4.2.1.
            guard HostSyntax.portStart(base, authority, at) != nil else { return .invalidTarget }
            self.head.form = .absolute
            self.head.authority = HeadRange(authority, at)
            self.splitPath(base, at, end)
            return nil
        }
        return .invalidTarget
    }
}
