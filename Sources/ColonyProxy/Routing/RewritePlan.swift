import NIOCore

/// A rewrite as bytes.
struct RewritePlan: Sendable {
    /// What stands in place of the prefix, without a slash at its end; `nil` if the path stays.
    let prefix: [UInt8]?
    /// How many bytes of the path, as ``PathReading`` reads it, are the prefix.
    let prefixCount: Int
    let host: [UInt8]?
    let request: EditPlan
    let response: EditPlan

    static let none = RewritePlan()

    private init() {
        self.prefix = nil
        self.prefixCount = 0
        self.host = nil
        self.request = EditPlan(.none)
        self.response = EditPlan(.none)
    }

    init(_ rewrite: RouteRewrite, prefixCount: Int) {
        self.prefix = rewrite.prefix.map { Self.withoutSlash(Array($0.utf8)) }
        self.prefixCount = prefixCount
        self.host = rewrite.host.map { Array($0.utf8) }
        self.request = EditPlan(rewrite.request)
        self.response = EditPlan(rewrite.response)
    }

    var changesRequest: Bool {
        self.prefix != nil || self.host != nil || !self.request.dropped.isEmpty || !self.request.lines.isEmpty
    }

    var changesResponse: Bool { !self.response.dropped.isEmpty || !self.response.lines.isEmpty }

    func apply(to rewrite: inout RequestRewrite, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer) {
        if let prefix {
            let (count, replacement) = Self.replacement(
                of: self.prefixCount, with: prefix, in: head.path.bytes(in: bytes))
            rewrite.target = .prefixReplaced(count: count, with: replacement)
        }
        rewrite.host = self.host
        rewrite.droppedNames = self.request.dropped
    }

    static func withoutSlash(_ bytes: [UInt8]) -> [UInt8] {
        Array(bytes.reversed().drop { $0 == UInt8(ascii: "/") }.reversed())
    }

    /// What takes the place of which bytes of a path as it came. What is left begins with one slash, or nothing is left of it.
    ///
    /// - Parameter prefix: Without a slash at its end.
    static func replacement(
        of prefixCount: Int, with prefix: [UInt8], in path: UnsafeRawBufferPointer
    ) -> (count: Int, with: [UInt8]) {
        var count = PathReading.rawCount(of: prefixCount, in: path)
        // `/a//b` without `/a` must not become `//b`, which is a host in places.
        while count + 1 < path.count, path[count] == UInt8(ascii: "/"), path[count + 1] == UInt8(ascii: "/") {
            count += 1
        }
        if count >= path.count, prefix.isEmpty { return (path.count, [UInt8(ascii: "/")]) }
        return (count, prefix)
    }
}

/// Changes of header fields as bytes.
struct EditPlan: Sendable {
    /// Names in small letters that go no further.
    let dropped: [[UInt8]]
    /// Lines that are added, each with its line end.
    let lines: [UInt8]
    /// The same as pairs, names in small letters, for a head that is not made of lines.
    let fields: [(name: [UInt8], value: [UInt8])]

    init(_ edits: HeaderEdits) {
        let added = edits.set + edits.add
        self.dropped = (edits.set.map(\.name) + edits.remove).map { $0.utf8.map { ByteScan.lower($0) } }
        self.lines = added.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) }
        self.fields = added.map { ($0.name.utf8.map { ByteScan.lower($0) }, Array($0.value.utf8)) }
    }
}
