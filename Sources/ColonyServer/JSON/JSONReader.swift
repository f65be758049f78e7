/// A strict, forward-only reader of JSON text (RFC 8259) for the small objects that requests carry.
///
/// General decoders build a tree or go through `Codable`, and both cost more than everything else that a request for a
/// lock does. This reader walks over the bytes once, allocates for strings only, and knows at every moment which member
/// it is reading, so that an error can say which one is wrong.
///
/// It is stricter than the RFC in one point: a member that appears twice is refused, because two readers of such a text
/// would understand different things.
///
/// - Complexity: O(*n*) in the length of the text. Nesting is bounded by ``maximumDepth``.
struct JSONReader {
    /// How deep a value that is skipped may nest, so that no text can exhaust the stack.
    static let maximumDepth = 32

    let bytes: UnsafeRawBufferPointer
    var position = 0
    /// The path of the member that is being read, for errors: `leases[3].token`.
    var path: [PathStep] = []

    enum PathStep {
        case member(StaticString)
        /// A member whose name the sender has chosen.
        case named(String)
        case element(Int)
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    // MARK: Documents

    /// Reads one object that makes up the whole text.
    ///
    /// - Parameter member: Called with the name of each member; it reads the value with one of the methods below.
    mutating func readDocument(
        _ members: [StaticString], _ member: (inout JSONReader, Int) throws(JSONDefect) -> Void
    ) throws(JSONDefect) {
        self.skipWhitespace()
        if self.position == self.bytes.count { throw self.invalid("it is empty") }
        try self.readObject(members, member)
        self.skipWhitespace()
        if self.position < self.bytes.count { throw self.invalid("there is text after the end of the object") }
    }

    /// Reads an object whose members are all listed in `members`.
    ///
    /// - Parameter member: Called with the index of each member in the list, at most once for each.
    mutating func readObject(
        _ members: [StaticString], _ member: (inout JSONReader, Int) throws(JSONDefect) -> Void
    ) throws(JSONDefect) {
        precondition(members.count <= 64, "an object has at most 64 members here, not \(members.count)")
        guard self.peek() == UInt8(ascii: "{") else { throw self.wrongType(expected: "an object") }
        self.position += 1
        self.skipWhitespace()
        if self.peek() == UInt8(ascii: "}") {
            self.position += 1
            return
        }
        var seen: UInt64 = 0
        while true {
            self.skipWhitespace()
            guard self.peek() == UInt8(ascii: "\"") else { throw self.invalid("the name of a member is missing") }
            let index = try self.readMemberName(members)
            if seen & (1 << UInt64(index)) != 0 {
                throw .duplicateMember(path: self.text(of: self.path, then: members[index].description))
            }
            seen |= 1 << UInt64(index)
            self.skipWhitespace()
            try self.expect(UInt8(ascii: ":"), "a colon is missing after the name of a member")
            self.skipWhitespace()
            self.path.append(.member(members[index]))
            try member(&self, index)
            self.path.removeLast()
            self.skipWhitespace()
            switch self.peek() {
            case UInt8(ascii: ","): self.position += 1
            case UInt8(ascii: "}"):
                self.position += 1
                return
            default: throw self.invalid("a comma or the end of an object is missing")
            }
        }
    }

    /// Reads an array.
    ///
    /// - Parameter element: Called before each element, which it reads.
    mutating func readArray(
        atMost limit: Int, _ element: (inout JSONReader) throws(JSONDefect) -> Void
    ) throws(JSONDefect) {
        guard self.peek() == UInt8(ascii: "[") else { throw self.wrongType(expected: "an array") }
        self.position += 1
        self.skipWhitespace()
        if self.peek() == UInt8(ascii: "]") {
            self.position += 1
            return
        }
        var index = 0
        while true {
            guard index < limit else {
                throw .outOfRange(path: self.text(of: self.path), reason: "it has more than \(limit) elements")
            }
            self.skipWhitespace()
            self.path.append(.element(index))
            try element(&self)
            self.path.removeLast()
            index += 1
            self.skipWhitespace()
            switch self.peek() {
            case UInt8(ascii: ","): self.position += 1
            case UInt8(ascii: "]"):
                self.position += 1
                return
            default: throw self.invalid("a comma or the end of an array is missing")
            }
        }
    }

    // MARK: Values

    mutating func readString() throws(JSONDefect) -> String {
        guard self.peek() == UInt8(ascii: "\"") else { throw self.wrongType(expected: "a string") }
        return try self.scanString()
    }

    /// Reads a whole number; `1e3` and `5.0` count as whole, as JSON Schema has it.
    mutating func readUnsigned() throws(JSONDefect) -> UInt64 {
        let start = self.position
        guard let value = try self.scanWholeNumber() else {
            self.position = start
            throw self.wrongType(expected: "a whole number")
        }
        guard let number = UInt64(exactly: value) else {
            self.position = start
            throw self.wrongType(expected: "a whole number from 0 to \(UInt64.max)")
        }
        return number
    }

    mutating func readSigned() throws(JSONDefect) -> Int64 {
        let start = self.position
        guard let value = try self.scanWholeNumber() else {
            self.position = start
            throw self.wrongType(expected: "a whole number")
        }
        guard let number = Int64(exactly: value) else {
            self.position = start
            throw self.wrongType(expected: "a whole number from \(Int64.min) to \(Int64.max)")
        }
        return number
    }

    /// Reads a whole number from 0 up that may be text, as those write it whose numbers are not whole beyond 2⁵³.
    mutating func readDecimal() throws(JSONDefect) -> Int64 {
        let expected = "a whole number from 0 to \(Int64.max), or one as text"
        let start = self.position
        if self.peek() == UInt8(ascii: "\"") {
            let text = try self.scanString()
            // Only the digits as they are written: Swift's reader also takes signs and leading zeros.
            if let number = Int64(text), number >= 0, String(number) == text { return number }
        } else if let value = try self.scanWholeNumber(), let number = Int64(exactly: value), number >= 0 {
            return number
        }
        self.position = start
        throw self.wrongType(expected: expected)
    }

    mutating func readBool() throws(JSONDefect) -> Bool {
        if self.consume("true") { return true }
        if self.consume("false") { return false }
        throw self.wrongType(expected: "true or false")
    }

    /// The path of the member that is being read.
    var currentPath: String { self.text(of: self.path) }
}

// MARK: Scanning

extension JSONReader {
    func peek() -> UInt8? {
        self.position < self.bytes.count ? self.bytes[self.position] : nil
    }

    mutating func skipWhitespace() {
        while self.position < self.bytes.count {
            switch self.bytes[self.position] {
            case 0x20, 0x09, 0x0A, 0x0D: self.position += 1
            default: return
            }
        }
    }

    mutating func expect(_ byte: UInt8, _ reason: String) throws(JSONDefect) {
        guard self.peek() == byte else { throw self.invalid(reason) }
        self.position += 1
    }

    private mutating func consume(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard self.bytes.count - self.position >= count else { return false }
        for offset in 0..<count where self.bytes[self.position + offset] != literal.utf8Start[offset] {
            return false
        }
        self.position += count
        return true
    }

    /// Reads the name of a member and gives its index in `members`.
    private mutating func readMemberName(_ members: [StaticString]) throws(JSONDefect) -> Int {
        let start = self.position + 1
        // Names without escapes, which is all that anybody sends, are compared where they stand.
        for (index, member) in members.enumerated() {
            let count = member.utf8CodeUnitCount
            guard start + count < self.bytes.count, self.bytes[start + count] == UInt8(ascii: "\"") else { continue }
            var offset = 0
            while offset < count, self.bytes[start + offset] == member.utf8Start[offset] { offset += 1 }
            if offset == count {
                self.position = start + count + 1
                return index
            }
        }
        let name = try self.scanString()
        if let index = members.firstIndex(where: { $0.description == name }) { return index }
        throw .unknownMember(
            path: self.text(of: self.path, then: name), name: name,
            nearest: EditDistance.nearest(to: name, among: members.map(\.description)))
    }

    mutating func scanString() throws(JSONDefect) -> String {
        self.position += 1
        let start = self.position
        var hasEscapes = false
        while true {
            guard self.position < self.bytes.count else { throw self.invalid("a string does not end") }
            switch self.bytes[self.position] {
            case UInt8(ascii: "\""):
                let slice = UnsafeRawBufferPointer(rebasing: self.bytes[start..<self.position])
                self.position += 1
                let text = hasEscapes ? try self.unescaped(slice) : String(validating: slice, as: UTF8.self)
                guard let text else { throw self.invalid("a string is not UTF-8") }
                return text
            case UInt8(ascii: "\\"):
                hasEscapes = true
                self.position += 2
            case 0..<0x20:
                throw self.invalid("a string contains a control character that is not escaped")
            default:
                self.position += 1
            }
        }
    }

    private func unescaped(_ slice: UnsafeRawBufferPointer) throws(JSONDefect) -> String? {
        var result: [UInt8] = []
        result.reserveCapacity(slice.count)
        var index = 0
        while index < slice.count {
            let byte = slice[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                continue
            }
            guard index < slice.count else { throw self.invalid("a string does not end") }
            let escape = slice[index]
            index += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(escape)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                let scalar = try self.scanUnicodeEscape(slice, &index)
                result.append(contentsOf: Array(String(Character(scalar)).utf8))
            default:
                throw self.invalid("a string contains an escape that JSON does not have")
            }
        }
        return String(validating: result, as: UTF8.self)
    }

    private func scanUnicodeEscape(
        _ slice: UnsafeRawBufferPointer, _ index: inout Int
    ) throws(JSONDefect) -> Unicode.Scalar {
        let first = try self.scanFourDigits(slice, &index)
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard
            (0xD800..<0xDC00).contains(first), index + 1 < slice.count, slice[index] == UInt8(ascii: "\\"),
            slice[index + 1] == UInt8(ascii: "u")
        else { throw self.invalid("a string contains half of a surrogate pair") }
        index += 2
        let second = try self.scanFourDigits(slice, &index)
        guard
            (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
        else { throw self.invalid("a string contains half of a surrogate pair") }
        return scalar
    }

    private func scanFourDigits(_ slice: UnsafeRawBufferPointer, _ index: inout Int) throws(JSONDefect) -> UInt32 {
        guard index + 4 <= slice.count else { throw self.invalid("a string contains an incomplete escape") }
        var value: UInt32 = 0
        for offset in 0..<4 {
            guard let digit = hexadecimalValue(slice[index + offset]) else {
                throw self.invalid("a string contains an incomplete escape")
            }
            value = value << 4 | UInt32(digit)
        }
        index += 4
        return value
    }

    /// Reads a number, or gives `nil` if the value is something else or has a fraction.
    private mutating func scanWholeNumber() throws(JSONDefect) -> Int128? {
        let start = self.position
        let isNegative = self.peek() == UInt8(ascii: "-")
        if isNegative { self.position += 1 }
        let firstDigit = self.position
        var value: Int128 = 0
        var isHuge = false
        while let digit = self.peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) {
            if self.position - firstDigit < 36 {
                value = value * 10 + Int128(digit - UInt8(ascii: "0"))
            } else {
                isHuge = true
            }
            self.position += 1
        }
        let digits = self.position - firstDigit
        guard digits > 0 else {
            if isNegative { throw self.invalid("a number has no digits") }
            return nil
        }
        if digits > 1, self.bytes[firstDigit] == UInt8(ascii: "0") {
            throw self.invalid("a number starts with a zero")
        }
        if isHuge { value = Int128.max }
        switch self.peek() {
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
            try self.scanFractionAndExponent()
            let text = String(decoding: self.bytes[start..<self.position], as: UTF8.self)
            // Beyond 2⁵³ a number with a fraction or an exponent is no longer exact.
            guard let number = Double(text), number.magnitude <= 0x1p53, number == number.rounded() else { return nil }
            return Int128(number)
        default:
            return isNegative ? -value : value
        }
    }

    private mutating func scanFractionAndExponent() throws(JSONDefect) {
        if self.peek() == UInt8(ascii: ".") {
            self.position += 1
            try self.scanDigits()
        }
        if self.peek() == UInt8(ascii: "e") || self.peek() == UInt8(ascii: "E") {
            self.position += 1
            if self.peek() == UInt8(ascii: "+") || self.peek() == UInt8(ascii: "-") { self.position += 1 }
            try self.scanDigits()
        }
    }

    private mutating func scanDigits() throws(JSONDefect) {
        let start = self.position
        while let digit = self.peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) { self.position += 1 }
        if self.position == start { throw self.invalid("a number ends without a digit") }
    }
}

// MARK: Errors

extension JSONReader {
    func invalid(_ reason: String) -> JSONDefect {
        .notJSON(offset: min(self.position, self.bytes.count), reason: reason)
    }

    /// The error for a value of another kind, or the one that says that the value is no JSON at all.
    mutating func wrongType(expected: String) -> JSONDefect {
        let path = self.text(of: self.path)
        let start = self.position
        do {
            try self.skipValue(depth: 0)
        } catch {
            return error
        }
        let text = String(decoding: self.bytes[start..<self.position].prefix(256), as: UTF8.self)
        return .wrongType(path: path, expected: expected, found: text)
    }

    mutating func skipValue(depth: Int) throws(JSONDefect) {
        guard depth < Self.maximumDepth else { throw self.invalid("values nest more than \(Self.maximumDepth) deep") }
        switch self.peek() {
        case UInt8(ascii: "\""):
            _ = try self.scanString()
        case UInt8(ascii: "{"):
            try self.skipContainer(end: UInt8(ascii: "}"), depth: depth, named: true)
        case UInt8(ascii: "["):
            try self.skipContainer(end: UInt8(ascii: "]"), depth: depth, named: false)
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            _ = try self.scanWholeNumber()
        case nil:
            throw self.invalid("it ends where a value should be")
        default:
            if !self.consume("true"), !self.consume("false"), !self.consume("null") {
                throw self.invalid("there is no value where one should be")
            }
        }
    }

    private mutating func skipContainer(end: UInt8, depth: Int, named: Bool) throws(JSONDefect) {
        self.position += 1
        self.skipWhitespace()
        if self.peek() == end {
            self.position += 1
            return
        }
        while true {
            self.skipWhitespace()
            if named {
                guard self.peek() == UInt8(ascii: "\"") else { throw self.invalid("the name of a member is missing") }
                _ = try self.scanString()
                self.skipWhitespace()
                try self.expect(UInt8(ascii: ":"), "a colon is missing after the name of a member")
                self.skipWhitespace()
            }
            try self.skipValue(depth: depth + 1)
            self.skipWhitespace()
            if self.peek() == end {
                self.position += 1
                return
            }
            try self.expect(UInt8(ascii: ","), "a comma or the end of an object or array is missing")
        }
    }

    func text(of path: [PathStep], then last: String? = nil) -> String {
        var result = ""
        for step in path {
            switch step {
            case .member(let name): result += result.isEmpty ? name.description : ".\(name)"
            case .named(let name): result += result.isEmpty ? name : ".\(name)"
            case .element(let index): result += "[\(index)]"
            }
        }
        if let last { result += result.isEmpty ? last : ".\(last)" }
        return result.isEmpty ? "the body" : result
    }
}
