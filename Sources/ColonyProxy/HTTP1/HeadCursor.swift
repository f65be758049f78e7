/// Writes a head into memory that is known to be large enough: one check for the whole head in place of one per piece.
struct HeadCursor {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    @inline(__always)
    private mutating func append(_ start: UnsafeRawPointer, count: Int) {
        // Holds by the bound that the writers reckon; a wrong bound must end here and not in foreign memory.
        precondition(count <= self.memory.count - self.count, "a head outgrew its \(self.memory.count) bytes")
        guard count > 0, let base = self.memory.baseAddress else { return }
        (base + self.count).copyMemory(from: start, byteCount: count)
        self.count &+= count
    }

    @inline(__always)
    mutating func append(_ base: UnsafeRawPointer, _ range: HeadRange) {
        self.append(base + range.lowerBound, count: range.count)
    }

    @inline(__always)
    mutating func append(_ text: StaticString) {
        self.append(UnsafeRawPointer(text.utf8Start), count: text.utf8CodeUnitCount)
    }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress { self.append(start, count: bytes.count) }
        }
    }

    /// Three digits.
    @inline(__always)
    mutating func appendStatus(_ status: UInt16) {
        var digits = (UInt8(48 + status / 100 % 10), UInt8(48 + status / 10 % 10), UInt8(48 + status % 10))
        withUnsafeBytes(of: &digits) { bytes in
            if let start = bytes.baseAddress { self.append(start, count: 3) }
        }
    }

    /// A number in decimal digits.
    mutating func append(_ number: UInt64) {
        self.append(Array(String(number).utf8))
    }
}

extension FieldSection {
    /// Copies the lines that go on, each run of them at once.
    ///
    /// - Parameters:
    ///   - end: Where the last line ends.
    ///   - dropped: Known fields that are left out.
    ///   - names: More names that are left out, in lower case.
    @inline(__always)
    borrowing func copy(
        _ base: UnsafeRawPointer, end: Int, dropping dropped: FieldSet, names: [[UInt8]], _ out: inout HeadCursor
    ) {
        var run = -1
        for index in 0..<self.count {
            let entry = self[index]
            let isDropped =
                dropped.contains(entry.field) || !entry.marks.isEmpty
                || (!names.isEmpty && Self.isNamed(entry, base, names))
            if isDropped {
                if run >= 0 { out.append(base, HeadRange(run, Int(entry.nameStart))) }
                run = -1
            } else if run < 0 {
                run = Int(entry.nameStart)
            }
        }
        if run >= 0 { out.append(base, HeadRange(run, end)) }
    }

    /// Writes `Content-Length` where the line itself was left out because others could read it otherwise.
    @inline(__always)
    borrowing func appendLength(_ out: inout HeadCursor, dropping dropped: FieldSet) {
        guard self.hasUnusualLength, !dropped.contains(.contentLength) else { return }
        out.append("Content-Length: ")
        out.append(self.contentLength)
        out.append("\r\n")
    }

    static func isNamed(_ entry: FieldEntry, _ bytes: UnsafeRawBufferPointer, _ names: [[UInt8]]) -> Bool {
        bytes.baseAddress.map { self.isNamed(entry, $0, names) } ?? false
    }

    private static func isNamed(_ entry: FieldEntry, _ base: UnsafeRawPointer, _ names: [[UInt8]]) -> Bool {
        names.contains { name in
            guard name.count == Int(entry.nameLength) else { return false }
            return name.indices.allSatisfy { index in
                ByteScan.lowerWithHyphens(ByteScan.byte(base, Int(entry.nameStart) + index))
                    == ByteScan.lowerWithHyphens(name[index])
            }
        }
    }
}
