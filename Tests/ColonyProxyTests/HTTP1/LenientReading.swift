import ColonyProxy

/// How the most careless server would read a head: for the question whether it could see another body than we do.
///
/// It takes each CR and each LF for the end of a line, knows a name with whitespace, controls, and underscores in it, and
/// collects every length and every coding that it finds.
struct LenientReading {
    private(set) var lengths: [String] = []
    private(set) var codings: [String] = []
    private(set) var hosts = 0

    init(_ head: some Collection<UInt8>) {
        for line in head.split(whereSeparator: { $0 == 0x0D || $0 == 0x0A }).dropFirst() {
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = parts.first else { continue }
            let name = String(decoding: first.filter { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
                .lowercased().replacing("_", with: "-")
            let value = parts.count > 1 ? parts[1].filter { $0 > 0x20 && $0 < 0x7F } : []
            let text = String(decoding: value, as: UTF8.self).lowercased()
            switch name {
            case "content-length": self.lengths.append(text)
            case "transfer-encoding": self.codings.append(text)
            case "host": self.hosts += 1
            default: break
            }
        }
    }

    /// Whether nothing in the head speaks for another framing.
    func agrees(with framing: BodyFraming) -> Bool {
        switch framing {
        case .none: self.codings.isEmpty && self.lengths.allSatisfy { UInt64($0) == 0 } && self.lengths.count <= 1
        case .length(let count): self.codings.isEmpty && self.lengths.count == 1 && UInt64(self.lengths[0]) == count
        case .chunked: self.lengths.isEmpty && self.codings == ["chunked"]
        case .untilClose: self.lengths.isEmpty && self.codings.isEmpty
        }
    }
}

/// A body in chunks, read in the plainest way that the grammar permits; what ``ChunkedScanner`` is compared with.
enum PlainChunks {
    /// The data, and how many bytes the body has; `nil` if it is not valid or not whole.
    static func read(_ bytes: [UInt8]) -> (data: [UInt8], used: Int)? {
        var data: [UInt8] = []
        var at = 0
        while true {
            guard let line = Self.line(bytes, &at) else { return nil }
            let size = line.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || ($0 | 0x20) &- 0x61 < 6 }
            let rest = line.dropFirst(size.count).drop { $0 == 0x20 || $0 == 0x09 }
            guard (1...16).contains(size.count), let count = Int(String(decoding: size, as: UTF8.self), radix: 16),
                line.count == size.count || rest.first == UInt8(ascii: ";"), !Self.hasControls(rest)
            else { return nil }
            if count == 0 { break }
            guard count <= bytes.count - at - 2, bytes[at + count] == 0x0D, bytes[at + count + 1] == 0x0A else {
                return nil
            }
            data += bytes[at..<(at + count)]
            at += count + 2
        }
        while let line = Self.line(bytes, &at) {
            if line.isEmpty { return (data, at) }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex,
                line[..<colon].allSatisfy({ Self.token.contains($0) }), !Self.hasControls(line[colon...])
            else { return nil }
        }
        return nil
    }

    private static let token = Set("!#$%&'*+-.^_`|~0123456789".utf8).union(0x41...0x5A).union(0x61...0x7A)

    private static func hasControls(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.contains { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F }
    }

    /// The bytes up to the next CR LF.
    private static func line(_ bytes: [UInt8], _ at: inout Int) -> ArraySlice<UInt8>? {
        var end = at
        while end + 1 < bytes.count {
            if bytes[end] == 0x0D, bytes[end + 1] == 0x0A {
                defer { at = end + 2 }
                return bytes[at..<end]
            }
            end += 1
        }
        return nil
    }
}
