/// The field lines of one head, in a table that is used again for the next one, and what those say that decide about
/// framing and the connection.
///
/// Requests and responses have it in common. A line is read once, when its bytes have come: the name byte by byte
/// through a table of classes, the value in words of eight bytes. Strictness is the same for both sides:
///
/// - a line ends with CR LF; a bare CR or a bare LF is a defect (RFC 9112, section 2.2, permits to take a bare LF for a
///   line's end, and just that has let requests be smuggled past proxies that did not);
/// - a folded line is a defect (section 5.2: a server answers 400, a proxy may answer 502 for one in a response);
/// - whitespace between a name and its colon is a defect (section 5.1: 400 for a request; in a response the proxy would
///   have to take it out, and answers 502 in place of it, as nginx does);
/// - a name is a token and a value has no control character but the tabulator (RFC 9110, sections 5.1 and 5.5).
package struct FieldSection: ~Copyable {
    private let entries: UnsafeMutablePointer<FieldEntry>
    private let capacity: Int
    private let maximumOptions: Int
    private let classes: UnsafePointer<UInt8>
    /// How many lines there are.
    package private(set) var count = 0
    /// Which known fields there are.
    package private(set) var present = FieldSet()
    /// Where the line begins that has not been read yet.
    private(set) var lineStart = 0
    /// What the `Connection` fields ask for.
    package private(set) var options = ConnectionOptions()
    private(set) var codings = TransferCodings()
    private(set) var contentLength: UInt64 = 0
    private(set) var host = HeadRange.empty
    private(set) var expectsContinue = false
    /// Whether `Upgrade` names a protocol, and no `h2c` among others.
    private(set) var namesProtocol = false
    private var namesH2C = false
    /// Whether `TE` says that trailers are welcome.
    package private(set) var acceptsTrailers = false
    /// Whether the line of `Content-Length` is written anew.
    private(set) var hasUnusualLength = false
    private var optionCount = 0

    /// What became of one line.
    enum Step {
        /// More lines follow, and the bytes end before the next is whole.
        case incomplete
        /// The empty line: the head ends here.
        case end(Int)
        case defect(HeadDefect)
    }

    init(_ limits: HeadLimits) {
        self.capacity = limits.maximumFields
        self.maximumOptions = limits.maximumConnectionOptions
        self.entries = .allocate(capacity: limits.maximumFields)
        self.classes = ByteScan.classes
    }

    deinit { self.entries.deallocate() }

    /// Forgets all lines and keeps the table.
    @inline(__always)
    mutating func reset(lineStart: Int) {
        self.count = 0
        self.present = FieldSet()
        self.lineStart = lineStart
        self.options = ConnectionOptions()
        self.codings = TransferCodings()
        self.contentLength = 0
        self.host = .empty
        self.expectsContinue = false
        self.namesProtocol = false
        self.namesH2C = false
        self.acceptsTrailers = false
        self.hasUnusualLength = false
        self.optionCount = 0
    }

    /// The line with this number, in the order of the head.
    ///
    /// - Precondition: `0 <= index < count`.
    package subscript(index: Int) -> FieldEntry {
        @inline(__always) get {
            precondition(index >= 0 && index < self.count, "there is no field \(index) of \(self.count)")
            return self.entries[index]
        }
    }

    /// The number of the first line with a known name; `nil` if there is none. O(1) where it is absent.
    package func firstIndex(of field: KnownField, from start: Int = 0) -> Int? {
        guard self.present.contains(field) else { return nil }
        var index = start
        while index < self.count {
            if self.entries[index].field == field { return index }
            index += 1
        }
        return nil
    }

    /// The value of the first line with a known name.
    package func value(of field: KnownField) -> HeadRange? {
        self.firstIndex(of: field).map { self.entries[$0].value }
    }

    /// The number of the first line with a name, in letters of either case; `nil` if there is none. Nothing is allocated.
    ///
    /// - Parameters:
    ///   - name: The name in lower case.
    ///   - bytes: The head from its first byte on.
    ///   - start: The first line that is looked at.
    /// - Complexity: O(*n*) in the lines; bytes are compared only for names of the same length.
    package func firstIndex(
        named name: some Sequence<UInt8> & Collection, in bytes: UnsafeRawBufferPointer, from start: Int = 0
    ) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let length = name.count
        var index = start
        while index < self.count {
            let entry = self.entries[index]
            if Int(entry.nameLength) == length {
                var at = Int(entry.nameStart)
                let isSame = name.allSatisfy { wanted in
                    defer { at += 1 }
                    return ByteScan.lower(ByteScan.byte(base, at)) == wanted
                }
                if isSame { return index }
            }
            index += 1
        }
        return nil
    }

    /// As ``firstIndex(named:in:from:)``, but of the lines that an endpoint gets to see and as it may read them: an underscore counts as a hyphen,
    /// and what an option of `Connection` names is left out.
    ///
    /// - Parameter name: In lower case, with hyphens or underscores.
    func firstSent(named name: [UInt8], in bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var index = start
        while index < self.count {
            let entry = self.entries[index]
            if Int(entry.nameLength) == name.count, !entry.marks.contains(.namedByConnection) {
                let first = Int(entry.nameStart)
                let isSame = name.indices.allSatisfy { at in
                    ByteScan.lowerWithHyphens(ByteScan.byte(base, first + at)) == ByteScan.lowerWithHyphens(name[at])
                }
                if isSame { return index }
            }
            index += 1
        }
        return nil
    }

    /// Reads lines until the head ends, a line is not whole, or one has a defect.
    ///
    /// After `incomplete` it goes on with the line at ``lineStart`` when it is called again.
    mutating func read(_ base: UnsafeRawPointer, to end: Int) -> Step {
        let classes = self.classes
        while true {
            let start = self.lineStart
            var at = start
            while at < end, classes[Int(ByteScan.byte(base, at))] & ByteScan.token != 0 { at &+= 1 }
            guard at < end else { return .incomplete }
            let length = at &- start
            guard ByteScan.byte(base, at) == UInt8(ascii: ":"), length > 0 else {
                return Self.without(colonAt: at, base, start, end)
            }
            var value = at &+ 1
            while value < end, Self.isWhitespace(ByteScan.byte(base, value)) { value &+= 1 }
            let stop = ByteScan.firstControl(base, from: value, to: end)
            guard stop < end else { return .incomplete }
            guard ByteScan.byte(base, stop) == 0x0D else {
                return .defect(ByteScan.byte(base, stop) == 0x0A ? .bareLineFeed : .controlInValue)
            }
            guard stop &+ 1 < end else { return .incomplete }
            guard ByteScan.byte(base, stop &+ 1) == 0x0A else { return .defect(.bareCarriageReturn) }
            var valueEnd = stop
            while valueEnd > value, Self.isWhitespace(ByteScan.byte(base, valueEnd &- 1)) { valueEnd &-= 1 }
            guard self.count < self.capacity else { return .defect(.tooManyFields) }
            guard length <= Int(UInt16.max) else { return .defect(.headTooLarge) }
            let field = KnownField.named(base, start, count: length)
            var entry = FieldEntry(
                nameStart: UInt32(truncatingIfNeeded: start), valueStart: UInt32(truncatingIfNeeded: value),
                valueEnd: UInt32(truncatingIfNeeded: valueEnd), nameLength: UInt16(truncatingIfNeeded: length),
                field: field, marks: [])
            if FieldSet.inspected.contains(field), let defect = self.inspect(field, base, value, valueEnd, &entry.marks)
            {
                return .defect(defect)
            }
            if field == .other, ByteScan.first(UInt8(ascii: "_"), base, from: start, to: at) != at,
                KnownField.isLookalike(base, start, count: length)
            {
                entry.marks.insert(.lookalike)
            }
            self.entries[self.count] = entry
            self.count &+= 1
            self.present.insert(field)
            self.lineStart = stop &+ 2
        }
    }

    @inline(__always)
    private static func isWhitespace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// What a line is whose name is not followed by a colon: the end of the head, or a defect.
    private static func without(colonAt at: Int, _ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Step {
        let isEmpty = at == start
        switch ByteScan.byte(base, at) {
        case 0x0D where isEmpty:
            guard at + 1 < end else { return .incomplete }
            return ByteScan.byte(base, at + 1) == 0x0A ? .end(at + 2) : .defect(.bareCarriageReturn)
        case 0x0A: return .defect(.bareLineFeed)
        case 0x20, 0x09: return .defect(isEmpty ? .foldedField : .whitespaceBeforeColon)
        default: return .defect(.invalidFieldName)
        }
    }
}

extension FieldSection {
    /// Reads the value of a field that decides about the framing or the connection.
    private mutating func inspect(
        _ field: KnownField, _ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ marks: inout FieldEntry.Marks
    ) -> HeadDefect? {
        switch field {
        case .host:
            // RFC 9112, section 3.2.
            if self.present.contains(.host) { return .repeatedHost }
            guard HostSyntax.isValid(base, start, end) else { return .invalidHost }
            self.host = HeadRange(start, end)
        case .contentLength:
            // RFC 9112, section 6.3, lets equal numbers in a list pass. They are refused here, as by nginx: nobody
            // sends them on purpose, and what reads the first and what reads the last need not agree.
            if self.present.contains(.contentLength) { return .repeatedContentLength }
            guard let length = Self.number(base, start, end) else { return .invalidContentLength }
            self.contentLength = length
            let isUsual = ByteScan.byte(base, start - 2) == UInt8(ascii: ":") && ByteScan.byte(base, start - 1) == 0x20
            if !isUsual || ByteScan.byte(base, end) != 0x0D || ByteScan.byte(base, start) == UInt8(ascii: "0") {
                marks.insert(.unusualLength)
                self.hasUnusualLength = true
            }
        case .transferEncoding: self.inspectCodings(base, start, end)
        case .connection: return self.inspectOptions(base, start, end)
        case .te:
            var elements = ListElements(base, start, end)
            while let element = elements.next() {
                if ByteScan.equals(base, element.start, element.end, ignoringCase: "trailers") {
                    self.acceptsTrailers = true
                }
            }
        case .upgrade:
            // An upgrade to `h2c` would carry requests past every rule of the proxy (Jake Miller, "h2c smuggling",
            // 2020); it is never passed through, also where it is one of several.
            var elements = ListElements(base, start, end)
            while let element = elements.next() {
                if ByteScan.equals(base, element.start, element.end, ignoringCase: "h2c") { self.namesH2C = true }
                if element.end > element.start { self.namesProtocol = true }
            }
            if self.namesH2C { self.namesProtocol = false }
        case .expect:
            if ByteScan.equals(base, start, end, ignoringCase: "100-continue") { self.expectsContinue = true }
        default: break
        }
        return nil
    }

    /// A number as `Content-Length` has it: digits alone, below 2⁶³ so that sums of lengths cannot overflow later.
    static func number(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> UInt64? {
        guard end > start else { return nil }
        var number: UInt64 = 0
        for at in start..<end {
            let digit = ByteScan.byte(base, at) &- UInt8(ascii: "0")
            guard digit < 10, number <= (UInt64(Int64.max) - UInt64(digit)) / 10 else { return nil }
            number = number * 10 + UInt64(digit)
        }
        return number
    }

    private mutating func inspectCodings(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) {
        var elements = ListElements(base, start, end)
        while let element = elements.next() {
            self.codings.remove(.lastIsChunked)
            if ByteScan.equals(base, element.start, element.end, ignoringCase: "chunked") {
                // RFC 9112, section 6.1: chunked is applied once.
                if self.codings.contains(.chunked) { self.codings.insert(.malformed) }
                self.codings.insert([.chunked, .lastIsChunked])
            } else if element.start == element.end {
                self.codings.insert(.malformed)
            } else {
                self.codings.insert(.unknown)
            }
        }
    }

    private mutating func inspectOptions(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> HeadDefect? {
        var elements = ListElements(base, start, end)
        while let (start, end) = elements.next() {
            if start == end { continue }
            self.optionCount += 1
            if self.optionCount > self.maximumOptions { return .tooManyConnectionOptions }
            switch Self.option(base, start, end) {
            case .some(let option): self.options.insert(option)
            case .none: self.options.insert(.named)
            }
        }
        return nil
    }

    /// The options with a meaning of their own; `nil` for one that may be the name of a field.
    private static func option(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> ConnectionOptions? {
        if ByteScan.equals(base, start, end, ignoringCase: "close") { return .close }
        if ByteScan.equals(base, start, end, ignoringCase: "keep-alive") { return .keepAlive }
        if ByteScan.equals(base, start, end, ignoringCase: "upgrade") { return .upgrade }
        return ByteScan.equals(base, start, end, ignoringCase: "te") ? ConnectionOptions() : nil
    }

    /// Marks the lines that options of `Connection` name, so that the writer leaves them out.
    ///
    /// RFC 9110, section 7.6.1, has a proxy remove each of them, and forbids options that name fields for the end of the
    /// way. Those are the gate for an attack: a client that says `Connection: X-Forwarded-For` had Apache httpd remove
    /// what the proxy in front had added (CVE-2022-31813), and F5's login fell to the same (CVE-2022-1388). nginx and
    /// HAProxy remove no named field at all. Here a field goes if its name is unknown to the proxy; known ones, those of
    /// the content, and the `X-Forwarded-` family stay, whatever an option says. What a proxy in front puts in under a
    /// name of its own and the servers trust belongs into `protecting`.
    ///
    /// - Parameter protecting: More names that stay, in lower case.
    mutating func markNamedFields(_ base: UnsafeRawPointer, protecting: [[UInt8]]) {
        guard self.options.contains(.named) else { return }
        for index in 0..<self.count where self.entries[index].field == .connection {
            var elements = ListElements(
                base, self.entries[index].value.lowerBound, self.entries[index].value.upperBound)
            while let (start, end) = elements.next() {
                if start == end || Self.option(base, start, end) != nil { continue }
                self.mark(base, base + start, length: end - start, protecting)
            }
        }
    }

    private mutating func mark(
        _ base: UnsafeRawPointer, _ name: UnsafeRawPointer, length: Int, _ protecting: [[UInt8]]
    ) {
        let prefixes: [StaticString] = ["x-forwarded-", "content-"]
        for prefix in prefixes where length > prefix.utf8CodeUnitCount {
            let start = UnsafeRawPointer(prefix.utf8Start)
            if ByteScan.equals(name, start, count: prefix.utf8CodeUnitCount) { return }
        }
        for kept in protecting where kept.count == length {
            if kept.withUnsafeBytes({ $0.baseAddress.map { ByteScan.equals(name, $0, count: length) } ?? false }) {
                return
            }
        }
        for index in 0..<self.count {
            let entry = self.entries[index]
            guard entry.field == .other, Int(entry.nameLength) == length else { continue }
            if ByteScan.equals(base + Int(entry.nameStart), name, count: length) {
                self.entries[index].marks.insert(.namedByConnection)
            }
        }
    }
}
