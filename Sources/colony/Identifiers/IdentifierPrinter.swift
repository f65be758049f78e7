import ColonyIdentifiers

/// Prints identifiers as they come: one a line, or as one JSON document whose list is written piece by piece, so that a
/// million of them need no memory.
struct IdentifierPrinter {
    private let isJSON: Bool
    private let kind: IdentifierKind
    private var buffer: [UInt8] = []
    private var isFirst = true

    /// Large enough that the calls to the system do not count.
    private static let bufferBytes = 65_536

    init(kind: IdentifierKind, asJSON isJSON: Bool) {
        self.kind = kind
        self.isJSON = isJSON
        self.buffer.reserveCapacity(Self.bufferBytes + 64)
    }

    /// Prints an identifier, which has no character that JSON writes in another way.
    mutating func print(_ id: String) {
        if self.isJSON {
            self.buffer += self.isFirst ? "{\"ids\":[\"".utf8 : ",\"".utf8
            self.buffer += id.utf8
            self.buffer.append(UInt8(ascii: "\""))
            self.isFirst = false
        } else {
            self.buffer += id.utf8
            self.buffer.append(UInt8(ascii: "\n"))
        }
        if self.buffer.count >= Self.bufferBytes { self.flush() }
    }

    /// Ends the document. What was printed before a failure stays without an end, so that no reader takes it for all.
    mutating func finish() {
        if self.isJSON { self.buffer += "],\"kind\":\"\(self.kind.rawValue)\"}\n".utf8 }
        self.flush()
    }

    private mutating func flush() {
        StandardOutput.write(bytes: self.buffer)
        self.buffer.removeAll(keepingCapacity: true)
    }
}
